"""The route that the chat listens to: a message goes in, and lines of JSON come out as its translation grows.

It is a route of its own since Gradio's queue can lose an answer: a browser that sends a message at the moment in which
the server closes the stream of the one before believes that this stream will bring the new answer too, and waits.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.requests import Request as HttpRequest

from .api import reading
from .api.gate import Gate, Refused, key_in_header
from .api.service import busy, late
from .api.work import BusyError, LateError, Stop, Work
from .chat import Message, Request, Settings, respond
from .models import Models
from .settings import ServerConfig

PATH = "/chat/stream"


def add_route(app: FastAPI, models: Models, config: ServerConfig, work: Work, gate: Gate) -> None:
    """Let the application answer messages of the chat; they count as requests of whoever sends them."""
    most = config.max_text_length * reading.BYTES_PER_CHARACTER + reading.FORM_BYTES

    @app.post(PATH)
    async def chat_stream(http: HttpRequest) -> Response:
        try:
            request = read_request(await reading.read_fields(http, most, config.timeout))
            key = key_in_header(http.headers.get("authorization", ""))
            gate.admit(http.client.host if http.client else "", key)
        except Refused as error:
            return JSONResponse({"error": _in_plain_words(error, config)}, error.status, error.headers)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        lines = _lines(models, config, work, request)
        return StreamingResponse(lines, headers=headers, media_type="application/x-ndjson")


def _in_plain_words(error: Refused, config: ServerConfig) -> str:
    if error.status != 429:
        return error.message
    seconds = error.headers.get("retry-after", "60")
    return (
        f"Not so fast: this server takes {config.requests_per_minute} messages a minute from each visitor. "
        f"Try again in {seconds} s."
    )


def read_request(fields: Mapping[str, Any]) -> Request:
    """What the browser asks for: `text`, `model`, and in `settings` what its visitor has set.

    Raises:
        Refused: something is missing, or is not what it should be.
    """
    text, model, given = fields.get("text"), fields.get("model"), fields.get("settings") or {}
    if not isinstance(text, str) or not isinstance(model, str) or not isinstance(given, dict):
        raise Refused(400, "a message has a text, a model and settings")
    numbers = {name: given.get(name) for name in ("beam_size", "length_penalty", "temperature")}
    if any(isinstance(value, bool) or not isinstance(value, int | float | None) for value in numbers.values()):
        raise Refused(400, "settings are numbers")
    beam_size, length_penalty, temperature = numbers.values()
    settings = Settings(
        str(given.get("method", Settings.method)),
        None if beam_size is None else int(beam_size),
        length_penalty,
        Settings.temperature if temperature is None else temperature,
    )
    return Request(text, model, settings)


async def _lines(models: Models, config: ServerConfig, work: Work, request: Request) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Message | None] = asyncio.Queue()

    def call(stop: Stop) -> None:
        with closing(respond(models, request, config)) as messages:
            for message in messages:
                stop.check()
                loop.call_soon_threadsafe(ready.put_nowait, message)

    # `respond` minds the time once it has begun; this is for one that waits in the queue.
    patience = 2 * config.seconds_for(len(request.text))
    working = asyncio.ensure_future(work.run(call, patience))
    working.add_done_callback(lambda _: ready.put_nowait(None))  # behind everything that the thread has handed over
    try:
        while (message := await ready.get()) is not None:
            yield _line(message)
        working.result()
    except (BusyError, LateError) as error:
        said = busy() if isinstance(error, BusyError) else late(patience)
        yield _line({"state": "failed", "text": "", "notes": [{"text": f"{said.message}."}]})
    finally:
        working.cancel()


def _line(message: Message) -> str:
    return f"{json.dumps(message, ensure_ascii=False)}\n"
