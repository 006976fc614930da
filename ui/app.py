"""Serving the chat page: which models it offers, on which address. `nmt ui` calls `serve`."""

import errno
import socket

import nmt

from .replies import Translators


def offered(model: str | None) -> tuple[Translators, str]:
    """Every installed model and `model`, a name or a folder, which is loaded at once; and what the page calls it.

    Raises:
        BundleError: there is no such model, or none at all.
    """
    infos = {info.name: info for info in nmt.installed()}
    if model is None and not infos:
        raise nmt.BundleError(
            "no model is installed; train one with: nmt train RECIPE, and name its folder: --model FOLDER"
        )
    first = nmt.Translator.load(model if model is not None else next(iter(infos)))
    names = [name for name, info in infos.items() if info.folder.resolve() == first.info.folder.resolve()]
    name = names[0] if names else first.info.name if first.info.name not in infos else str(first.info.folder)
    infos[name] = first.info
    translators = Translators(
        infos, lambda name: first if infos[name] is first.info else nmt.Translator.load(infos[name].folder)
    )
    return translators, name


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


def serve(model: str | None, host: str, port: int) -> None:
    """Serve the page until Ctrl+C, printing the address when it can be opened.

    Args:
        model: an installed model's name or a bundle's folder; None takes the first installed one.
        host: the address to listen on; "127.0.0.1" for this computer alone.
        port: 0 takes any free one.

    Raises:
        ConfigError: the port is taken.
        BundleError: the model is missing or broken.
        ModuleNotFoundError: Gradio is not installed.
    """
    with listen(host, port) as listener:
        from . import offline

        offline.go_offline()
        from . import page  # takes seconds, and a taken port should not

        app = page.site(page.build(*offered(model)))
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        print(f"Translating on http://{shown}:{listener.getsockname()[1]} (press Ctrl+C to stop)", flush=True)
        offline.run(app, listener)
