"""`nmt ui`: the chat page, and beside it an interface for programs."""

import argparse
import os

from nmt.errors import ConfigError

HELP = "serve the chat page and an HTTP interface"
EXTRA = "ui"

_PORT = 7860


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Serve the chat page, and the interface of LibreTranslate for programs (/docs describes it).\n"
        "It opens no connection of its own. By default only this computer can reach it."
    )
    parser.add_argument(
        "--model", metavar="MODEL", help="the model to start with: an installed one or a folder (default: en-ja)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, metavar="PORT", help=f"0: any free one (default: the variable PORT, or {_PORT})"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="processor threads (default: all)")
    limits = parser.add_argument_group("for a server that others reach")
    limits.add_argument(
        "--corrections",
        default="",
        metavar="FOLDER",
        help="let every visitor save corrected translations there (default: only the user of this computer may, in "
        "the folder of their own data, and nobody where the page is served to others)",
    )
    limits.add_argument(
        "--finetuning",
        default="",
        metavar="FOLDER",
        help="let every visitor train models there (default: only the user of this computer may, in the folder of "
        "their own data, and nobody where the page is served to others)",
    )
    limits.add_argument(
        "--api-keys", default="", metavar="FILE", help="ask for a key; those that fit stand in FILE, one on each line"
    )
    limits.add_argument(
        "--requests-per-minute",
        type=int,
        default=0,
        metavar="N",
        help="from each address or key; further ones are answered 429 (default: no limit)",
    )
    limits.add_argument(
        "--max-text-length",
        type=int,
        default=100_000,
        metavar="N",
        help="characters in a request; longer ones are answered 413 (default: %(default)s)",
    )
    limits.add_argument(
        "--max-upload-mb", type=int, default=10, metavar="N", help="size of a file to translate (default: %(default)s)"
    )
    limits.add_argument(
        "--max-waiting",
        type=int,
        default=100,
        metavar="N",
        help="requests that wait their turn; further ones are answered 503 (default: %(default)s)",
    )
    limits.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="in which 10,000 characters must be translated, and a file in ten times that (default: %(default)g)",
    )
    limits.add_argument(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages of this site call the interface, such as https://example.org, or * for all; can be repeated",
    )


def run(arguments: argparse.Namespace) -> int:
    port = _port(arguments.port)

    from nmt_ui.app import serve
    from nmt_ui.settings import ServerConfig

    config = ServerConfig(
        api_keys=arguments.api_keys,
        max_text_length=arguments.max_text_length,
        max_upload_mb=arguments.max_upload_mb,
        requests_per_minute=arguments.requests_per_minute,
        max_waiting=arguments.max_waiting,
        timeout=arguments.timeout,
        cors_origins=tuple(arguments.cors_origin),
        threads=arguments.threads,
        corrections=arguments.corrections,
        finetuning=arguments.finetuning,
    )
    serve(model=arguments.model, host=arguments.host, port=port, config=config)
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
