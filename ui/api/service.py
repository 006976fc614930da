"""What stands behind every route: the models, the queue, the limits."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from starlette.requests import Request

import nmt

from .. import detect
from ..models import Models
from ..settings import ServerConfig
from . import files, reading, translating
from .gate import Gate, Refused, key_in_header
from .metrics import Metrics
from .work import AbandonedError, BusyError, LateError, Stop, Work

T = TypeVar("T")

FAULT = "Internal error; the server's log says what happened"


@dataclass(frozen=True)
class Pair:
    """Between which languages, as found for a request. `confidence` is None where the caller said the source."""

    source: str
    target: str
    confidence: float | None = None

    def detected(self) -> dict[str, Any]:
        """As LibreTranslate tells it."""
        return {"confidence": self.confidence, "language": self.source}


@dataclass(frozen=True)
class Service:
    """The parts of one server."""

    models: Models
    config: ServerConfig
    work: Work
    gate: Gate
    metrics: Metrics
    shelf: files.Shelf

    async def fields(self, request: Request, most: int | None = None) -> reading.Fields:
        """What the request says, after it has been let in.

        Raises:
            Refused: no or a wrong key, too many requests, or a body that cannot be taken.
        """
        if most is None:
            most = self.config.max_text_length * reading.BYTES_PER_CHARACTER + reading.FORM_BYTES
        fields = await reading.read_fields(request, most, self.config.timeout)
        try:
            self.admit(request, fields)
        except Refused:
            await reading.close_files(fields)
            raise
        return fields

    def admit(self, request: Request, fields: Mapping[str, Any]) -> None:
        """Raises Refused for a missing or wrong key, and for too many requests."""
        given = fields.get("api_key")
        key = given if isinstance(given, str) and given else key_in_header(request.headers.get("authorization", ""))
        self.gate.admit(request.client.host if request.client else "", key)

    def check_room(self) -> None:
        """Raises Refused (503) where too many wait already, before more is received of another."""
        try:
            self.work.check_room()
        except BusyError:
            raise busy() from None

    async def run(self, request: Request, call: Callable[[Stop], T], seconds: float) -> T:
        """Make the call in a thread, for so many seconds, and for as long as there is somebody who waits.

        Raises:
            Refused: too many wait (503), or it takes too long (504).
        """
        try:
            return await self.work.run(call, seconds, lambda: _gone(request))
        except BusyError:
            raise busy() from None
        except LateError:
            raise late(seconds) from None
        except AbandonedError:
            raise Refused(499, "The client went away") from None

    def pair(self, source: str, target: str, text: str) -> Pair:
        """The languages of a request; blocks where the source is to be detected.

        Raises:
            Refused: one is not installed, or not the pair (400).
        """
        wanted = self.models.known(target)
        if wanted is None:
            raise self._unknown(target)
        if source != "auto":
            known = self.models.known(source)
            if known is None:
                raise self._unknown(source)
            self._check(known, wanted)
            return Pair(known, wanted)
        sources = [info.source_language for info in self.models.infos.values() if info.target_language == wanted]
        found = detect.detect(text, [*sources, wanted])
        if not found:
            likely = detect.detect(text, detect.LANGUAGES)
            name = f"; it looks like {nmt.language(likely[0].language).name}" if likely else ""
            raise Refused(400, f"The text is in no language that can be translated into {wanted}{name}")
        self._check(found[0].language, wanted)
        return Pair(found[0].language, wanted, found[0].confidence)

    def _unknown(self, code: str) -> Refused:
        return Refused(400, f"{code[:40]} is not supported; installed are {', '.join(self.models.languages())}")

    def _check(self, source: str, target: str) -> None:
        if source != target and self.models.name_for(source, target) is None:
            names = [f"{nmt.language(code).name} ({code})" for code in (target, source)]
            raise Refused(400, f"{names[0]} is not available as a target language from {names[1]}")

    def translator(self, pair: Pair) -> nmt.Translator | None:
        """Loads it where it is not yet; None where there is nothing to translate: both languages are the same."""
        name = self.models.name_for(pair.source, pair.target)
        return self.models.get(name) if name is not None else None

    def translate(
        self, texts: list[str], pair: Pair, stop: Stop, *, html: bool = False, num_alternatives: int = 0
    ) -> list[translating.Answer]:
        """Translate texts; blocks."""
        translator = self.translator(pair)
        if translator is None:
            return [translating.Answer(text) for text in texts]
        answers = translating.translate(translator, texts, html=html, num_alternatives=num_alternatives, stop=stop)
        self.metrics.characters.labels(pair.source, pair.target).inc(sum(map(len, texts)))
        return answers

    def translate_upload(self, upload: BinaryIO, job: files.FileJob, stop: Stop, tell: files.Tell | None = None) -> str:
        """Translate an uploaded file; blocks. Returns what the translation can be fetched by."""
        with tempfile.TemporaryDirectory(dir=self.shelf.folder) as folder:
            path = Path(folder) / job.name
            size = files.save(upload, path)
            pair = self.pair(job.source, job.target, files.sample(path))
            info = self.models.infos.get(job.model)
            suits = info is not None and (info.source_language, info.target_language) == (pair.source, pair.target)
            translator = self.models.get(job.model) if suits else self.translator(pair)
            done = files.translate(translator, path, job, stop, tell) if translator and size else path
            self.metrics.characters.labels(pair.source, pair.target).inc(size)
            return self.shelf.keep(done, files.download_name(job.name, pair.target))


def busy() -> Refused:
    """What is answered where the queue is full."""
    return Refused(503, "The server is busy; try again in a moment", {"retry-after": "1"})


def late(seconds: float) -> Refused:
    """What is answered where a translation takes too long."""
    return Refused(504, f"Translating took longer than {seconds:g} s; send less text at a time")


def warning(text: str, pair: Pair) -> str:
    """A plain word where the text is clearly not in the language that the caller says it is in."""
    if pair.confidence is not None or nmt.looks_like(text[: detect.SAMPLE], pair.source):
        return ""
    return f"This does not look like {nmt.language(pair.source).name}, so the translation may be nonsense."


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection; the body has been read before."""
    while not await request.is_disconnected():
        await asyncio.sleep(0.2)
