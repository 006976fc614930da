"""The interface in the same application as the page."""

import concurrent.futures

import fastapi
import gradio as gr
from gradio import events
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import nmt

from .. import offline
from ..models import Models
from ..settings import ServerConfig
from . import translating
from .gate import Keys, key_in_header
from .routes import serves
from .service import busy, late
from .work import BusyError, Stop, Work


class Beside:
    """ASGI middleware that answers the paths of the interface itself.

    Where keys are needed the page asks for one too, as the password of any user: it could translate for anybody else.
    """

    def __init__(self, app: ASGIApp, interface: ASGIApp, keys: Keys):
        self.app, self._interface, self._keys = app, interface, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and serves(scope["path"]):
            await self._interface(scope, receive, send)
        elif scope["type"] in ("http", "websocket") and self._keys and not self._keys.fits(_key(scope)):
            headers = {"www-authenticate": 'Basic realm="API key as the password", charset="UTF-8"'}
            await JSONResponse({"error": "An API key is needed, as the password"}, 401, headers)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _key(scope: Scope) -> str:
    headers = dict(scope["headers"])
    return key_in_header(headers.get(b"authorization", b"").decode("latin-1"))


def mount(app: fastapi.FastAPI, interface: ASGIApp, keys: Keys) -> None:
    """Put the interface before the page, behind the same guards."""
    app.add_middleware(Beside, interface=offline.StayHome(interface), keys=keys)


def add_endpoint(blocks: gr.Blocks, models: Models, config: ServerConfig, work: Work) -> None:
    """Give the page a function `/translate` that Gradio's client can call."""

    def translate(text: str, source: str, target: str) -> str:
        """Translate a text between two installed languages."""
        name = models.name_for(models.known(source) or "", models.known(target) or "")
        if name is None:
            raise gr.Error(f"{source} to {target} is not installed; installed is {', '.join(models.infos)}")
        if len(text) > config.max_text_length:
            raise gr.Error(f"The text has {len(text)} characters, more than {config.max_text_length}")
        stop, seconds = Stop(), config.seconds_for(len(text))

        def call() -> str:
            translator = models.get(name)
            (answer,) = translating.translate(translator, [text], html=False, num_alternatives=0, stop=stop)
            return answer.text

        try:
            return work.submit(call).result(seconds)
        except BusyError:
            raise gr.Error(busy().message) from None
        except concurrent.futures.TimeoutError:
            stop.set()
            raise gr.Error(late(seconds).message) from None
        except nmt.NmtError as error:
            raise gr.Error(f"Cannot translate text: {error}") from None

    with blocks:
        events.api(translate, api_name="translate")
