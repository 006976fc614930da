"""A translation as server-sent events, sentence by sentence."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import nmt

from . import translating
from .service import FAULT, Pair, Service, busy, late
from .work import BusyError, LateError, Stop


async def events(service: Service, text: str, pair: Pair) -> AsyncIterator[str]:
    """Server-sent events: a `sentence` for each part when it is done, then `done`, or `error`."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[translating.Piece | None] = asyncio.Queue()

    def call(stop: Stop) -> None:
        for piece in _pieces(service, text, pair, stop):
            loop.call_soon_threadsafe(ready.put_nowait, piece)

    patience = service.config.seconds_for(len(text))
    working = asyncio.ensure_future(service.work.run(call, patience))
    working.add_done_callback(lambda _: ready.put_nowait(None))  # behind everything that the thread has handed over
    said: list[str] = []
    try:
        while (piece := await ready.get()) is not None:
            yield event("sentence", {"index": len(said), "source": piece.source, "translatedText": piece.text})
            said.append(piece.text)
        working.result()
        done: dict[str, Any] = {"translatedText": "".join(said)}
        if pair.confidence is not None:
            done["detectedLanguage"] = pair.detected()
        yield event("done", done)
    except (nmt.NmtError, BusyError, LateError) as error:
        yield event("error", {"error": _what_happened(error, patience)})
    except Exception:
        yield event("error", {"error": FAULT})
        raise
    finally:
        working.cancel()


def _pieces(service: Service, text: str, pair: Pair, stop: Stop) -> Iterator[translating.Piece]:
    translator = service.translator(pair)
    if translator is None:
        yield translating.Piece(text, text)
        return
    yield from translating.stream(translator, text, stop)
    service.metrics.characters.labels(pair.source, pair.target).inc(len(text))


def event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _what_happened(error: Exception, seconds: float) -> str:
    if isinstance(error, BusyError):
        return busy().message
    return late(seconds).message if isinstance(error, LateError) else f"Cannot translate text: {error}"
