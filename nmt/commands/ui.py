"""`nmt ui`: the chat page."""

import argparse
import os

from nmt.errors import ConfigError

HELP = "serve the chat page"
EXTRA = "ui"

_PORT = 7860


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Serve the chat page. It opens no connection of its own.\nBy default only this computer can reach it."
    )
    parser.add_argument("--model", metavar="MODEL", help="the model to start with: an installed one or a folder")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, metavar="PORT", help=f"0: any free one (default: the variable PORT, or {_PORT})"
    )


def run(arguments: argparse.Namespace) -> int:
    port = _port(arguments.port)

    from nmt_ui.app import serve

    serve(model=arguments.model, host=arguments.host, port=port)
    return 0


def _port(given: int | None) -> int:
    named = os.environ.get("PORT", "").strip()
    if given is None and not named:
        return _PORT
    try:
        port = int(named) if given is None else given
    except ValueError:
        raise ConfigError(f"the variable PORT must be a number, not {named!r}") from None
    if not 0 <= port <= 65535:
        raise ConfigError(f"the port must be from 0 (any free one) to 65535, not {port}")
    return port
