"""What keeps the page from talking to anybody but the browser in front of it.

Gradio reports usage, looks for new versions, offers to fetch files by address, and its pages may link fonts and
scripts on other hosts. Three things stand against that: its settings (`go_offline`), a content security policy that
makes the browser refuse every other host, and a list of the few of Gradio's routes that the page needs.
"""

import contextlib
import os
import socket

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
}

HEADERS = {
    # Gradio's own page needs inline scripts and compiles its templates with Function(), hence the two unsafe words.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
}

# Everything else under /gradio_api/ is closed: file= and proxy= fetch any address on request, upload writes to disk.
ROUTES = ("run/", "queue/", "heartbeat/", "startup-events", "info", "cancel", "reset", "theme.css", "component_server")

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#355a87"/>'
    '<path d="M7 11h15m-5-5 5 5-5 5M25 21H10m5-5-5 5 5 5" fill="none" stroke="#fff" stroke-width="2.6" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


def go_offline() -> None:
    """Set the environment variables by which Gradio and the libraries below it are told to call nobody."""
    os.environ.update(ENVIRONMENT)


class StayHome:
    """ASGI middleware that adds `HEADERS` to every answer and closes the routes of Gradio the page does not need."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        _, api, route = scope.get("path", "").partition("/gradio_api/")
        if scope["type"] == "http" and api and not route.startswith(ROUTES):
            await PlainTextResponse("Not part of this page.", 404)(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)


def web_app() -> FastAPI:
    """An empty site that stays home, for the page to be mounted on."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(StayHome)

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(ICON, media_type="image/svg+xml")

    @app.get("/manifest.json")
    def manifest() -> dict[str, str]:
        return {"name": "Translate", "start_url": "./", "display": "browser"}

    return app


class Server(uvicorn.Server):
    """A server that ends the stream every open page holds, instead of waiting for the pages to be closed."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for route in getattr(self.config.app, "routes", []):
            if stop := getattr(getattr(route, "app", None), "stop_event", None):  # of the Gradio application
                stop.set()
        await super().shutdown(sockets)


def run(app: FastAPI, listener: socket.socket, patience: float = 2) -> None:
    """Serve `app` on the socket until Ctrl+C; requests in work then have so many seconds to be finished."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=int(patience) + 1)
    with contextlib.suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listener])
