"""Serving the chat page and the interface for programs: which models they offer, and where. `nmt ui` calls `serve`."""

import errno
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import nmt

from .api.gate import Gate, Keys, RateLimit
from .api.work import Work
from .corrections import is_loopback
from .finetunings import Finetunings
from .models import Models
from .settings import ServerConfig, read_keys

if TYPE_CHECKING:
    from fastapi import FastAPI


USUAL = "en-ja"  # the model to start with where nobody says otherwise and it is installed


def installed_models(model: str | None, load: Callable[[str | Path], nmt.Translator]) -> tuple[Models, str]:
    """Every installed model and `model`, a name or a folder, which is loaded at once; and the name it has here.

    Of two for the same languages this one answers.

    Raises:
        BundleError: there is no such model, or none at all.
    """
    infos = {info.name: info for info in nmt.installed()}
    if model is None and not infos:
        raise nmt.BundleError(
            "no model is installed; train one with: nmt train RECIPE, and name its folder: --model FOLDER"
        )
    first = load(model if model is not None else USUAL if USUAL in infos else next(iter(infos)))
    names = [name for name, info in infos.items() if info.folder.resolve() == first.info.folder.resolve()]
    name = names[0] if names else first.info.name if first.info.name not in infos else str(first.info.folder)
    infos = {name: first.info, **{other: info for other, info in infos.items() if other != name}}

    def opened(one: str) -> nmt.Translator:
        info = models.infos[one]  # another one, where the model has been trained further since
        return first if info is first.info else load(info.folder)

    models = Models(infos, opened)
    return models, name


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        ConfigError: the address cannot be listened on, mostly because another program does.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            hint = "choose another port with --port or the variable PORT"
        else:
            hint = "--host must be an address of this computer, such as 127.0.0.1"
        raise nmt.ConfigError(f"cannot serve on {host}, port {port} ({error.strerror}); {hint}") from None


def serve(model: str | None, host: str, port: int, config: ServerConfig | None = None) -> None:
    """Serve the page and the interface until Ctrl+C, printing the address when it can be opened.

    What has been accepted by then is finished; a second Ctrl+C does not wait for it.

    Args:
        model: an installed model's name or a bundle's folder; None takes the first installed one.
        host: the address to listen on; "127.0.0.1" for this computer alone.
        port: 0 takes any free one.
        config: limits and keys.

    Raises:
        ConfigError: the port is taken, or a setting makes no sense.
        BundleError: the model is missing or broken.
        ModuleNotFoundError: Gradio or another package of the extra "ui" is not installed.
    """
    config = config or ServerConfig()
    opening = Keys(read_keys(config.api_keys))
    load = partial(nmt.Translator.load, num_threads=config.threads)
    _end_on_sigterm()
    with listen(host, port) as listener, tempfile.TemporaryDirectory(prefix="nmt-ui-") as folder:
        from . import offline

        offline.go_offline()
        from . import chat_route, finetuning_route, page  # takes seconds, and a taken port should not
        from .api.mounting import add_endpoint, mount
        from .api.routes import build

        models, name = installed_models(model, load)
        is_local = is_loopback(listener.getsockname()[0])
        gate = Gate(opening, RateLimit(config.requests_per_minute))
        with Work(config.max_waiting) as work, Finetunings(config.finetuning_folder()) as finetunings:
            tuning = finetuning_route.set_up(models, finetunings, config, is_local)
            blocks = page.build(models, name, config, is_local, tuning, told=model is not None)
            add_endpoint(blocks, models, config, work)

            def add_routes(app: "FastAPI") -> None:
                chat_route.add_route(app, models, config, work, gate)
                if tuning.offered:
                    finetuning_route.add_routes(app, tuning, config, work)

            app = page.site(blocks, add_routes)
            mount(app, build(models, config, gate, work, Path(folder)), opening)
            shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
            print(f"Translating on http://{shown}:{listener.getsockname()[1]} (press Ctrl+C to stop)", flush=True)
            offline.run(app, listener, config.longest_wait)


def _end_on_sigterm() -> None:
    """What is temporary is then deleted, as after Ctrl+C; without this the process would just be gone."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
