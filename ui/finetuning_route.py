"""The routes of the tab that fine-tunes: how everything stands, start, stop, go on, and one sentence through both."""

import asyncio
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

import nmt

from .api import reading
from .api.gate import Refused
from .api.service import busy, late
from .api.work import BusyError, LateError, Stop, Work
from .corrections import Corrections, is_from_own_page, is_local, shown
from .finetuning_report import describe, first_sentence
from .finetunings import Finetunings, Wanted, missing
from .models import Models
from .pairs import pair
from .settings import ServerConfig

PATH = "/finetuning/"
LONGEST = 1_000  # characters of a sentence that is sent through both
Values = dict[str, Any]


@dataclass(frozen=True)
class Finetuning:
    """What the tab works on.

    Args:
        models: where finished ones are added.
        finetunings: those in the folder.
        corrections: that can be learned from.
        trainers: who may: everybody who reaches the page, who sits at this computer, or nobody.
        is_local: whether only this computer reaches the page.
    """

    models: Models
    finetunings: Finetunings
    corrections: Corrections
    trainers: Literal["all", "local", "none"]
    is_local: bool

    @property
    def offered(self) -> bool:
        """Whether the page has the tab."""
        return self.trainers != "none"

    def allows(self, headers: Mapping[str, str], client: str) -> bool:
        """Whether who sends a request may train."""
        may = is_from_own_page(headers) if self.trainers == "all" else is_local(headers, client)
        return self.offered and may

    def check(self, headers: Mapping[str, str], client: str) -> None:
        """Raises Refused where a request must not train."""
        if not self.allows(headers, client):
            raise Refused(
                403,
                "Models are trained only from the computer that serves the page; "
                "nmt ui --finetuning FOLDER lets every visitor do it.",
            )

    def offer(self) -> None:
        """Add the finished models to those that the page translates with; those that cannot be read are left out."""
        for name in self.finetunings.names():
            if self.finetunings.state(name) != "done":
                continue
            known = self.models.infos.get(name)
            run = self.finetunings.run_folder(name)
            if known is not None and known.folder.parent.resolve() != run.resolve():
                continue  # another model has the name
            try:
                (info,) = nmt.installed(run)
            except (nmt.BundleError, ValueError, OSError):  # also while it is being replaced
                continue
            if known is None or (known.num_parameters, known.scores) != (info.num_parameters, info.scores):
                self.models.add(name, info)

    def state(self) -> Values:
        """Everything that the tab shows."""
        self.offer()
        runs = []
        for name in self.finetunings.names():
            try:
                told = describe(self.finetunings, name)
            except nmt.ConfigError:  # deleted in this moment
                continue
            if told["state"] == "done" and name in self.models.infos:
                told["pair"] = pair(self.models, name, self.is_local)
                told["example"] = first_sentence(self.finetunings.run_folder(name), told["source"])
            runs.append(told)
        return {
            "place": shown(self.finetunings.folder),
            "missing": missing(),
            "corrections": self.corrections.kept(),
            "runs": runs,
        }

    def start(self, fields: reading.Fields) -> None:
        """Begin one: by `name`, `parent`, `source`, `target`, `minutes`, and a `file` or else the saved corrections.

        Raises:
            ConfigError, Refused: something is missing or wrong.
        """
        name, parent = reading.text_field(fields, "name").strip(), reading.text_field(fields, "parent")
        if parent not in self.models.infos:
            raise nmt.ConfigError(f'there is no model "{parent}" here to start from')
        if name in self.models.infos:
            raise nmt.ConfigError(f'there is a model "{name}" already; choose another name')
        source, target = (reading.text_field(fields, side) for side in ("source", "target"))
        folder = str(self.models.infos[parent].folder.resolve())
        wanted = Wanted(name, parent, folder, source, target, _minutes(fields))
        if fields.get("file") is None:
            with self.corrections.open(source, target) as pairs:
                self.finetunings.start(wanted, pairs, ".jsonl")
            return
        upload = reading.file_field(fields)
        self.finetunings.start(wanted, upload.file, Path(upload.filename or "").suffix.lower())

    def compare(self, fields: reading.Fields, stop: Stop) -> Values:
        """One sentence through a finished model and the one that it was made from."""
        name, text = reading.text_field(fields, "name"), reading.text_field(fields, "text")
        if len(text) > LONGEST:
            raise nmt.ConfigError(f"one sentence of at most {LONGEST:,} characters, please")
        wanted = self.finetunings.wanted(name)
        if wanted is None or name not in self.models.infos:
            raise nmt.ConfigError(f'there is no finished model "{name}" here')
        if wanted.parent not in self.models.infos:
            raise nmt.ConfigError(f'the model "{wanted.parent}" that it was made from is not installed here any more')
        told = {}
        for side, model in (("before", wanted.parent), ("after", name)):
            info = self.models.infos[model]
            told[side] = {"model": model, "language": info.target_language}
            told[side]["text"] = self.models.get(model).translate(text).text
            stop.check()
        return told


def set_up(models: Models, finetunings: Finetunings, config: ServerConfig, is_local: bool) -> Finetuning:
    """What the settings make of it; the models that are finished are offered at once."""
    trainers: Any = "all" if config.finetuning else "local" if is_local else "none"
    tuning = Finetuning(models, finetunings, Corrections(config.corrections_folder()), trainers, is_local)
    if tuning.offered:
        tuning.offer()
    return tuning


def add_routes(app: FastAPI, tuning: Finetuning, config: ServerConfig, work: Work) -> None:
    """Let the application answer the tab. Everything is POST: browsers say then which page asks."""
    most = config.max_upload_mb * 1_000_000 + reading.FORM_BYTES

    async def answer(http: Request, do: Callable[[reading.Fields], Any]) -> Response:
        fields: reading.Fields = {}
        try:
            tuning.check(http.headers, http.client.host if http.client else "")
            fields = await reading.read_fields(http, most, config.timeout)
            return JSONResponse(await asyncio.to_thread(do, fields) or {})
        except Refused as error:
            return JSONResponse({"error": error.message}, error.status)
        except nmt.NmtError as error:
            return JSONResponse({"error": f"Sorry: {error}"}, 400)
        except (BusyError, LateError) as error:
            said = busy() if isinstance(error, BusyError) else late(config.timeout)
            return JSONResponse({"error": said.message}, said.status)
        finally:
            await reading.close_files(fields)

    @app.post(f"{PATH}allowed")
    async def allowed(http: Request) -> Response:
        """For the page, which cannot know who opens it: to others than this computer's user it shows no such tab."""
        return JSONResponse({"allowed": tuning.allows(http.headers, http.client.host if http.client else "")})

    @app.post(f"{PATH}state")
    async def state(http: Request) -> Response:
        return await answer(http, lambda fields: tuning.state())

    @app.post(f"{PATH}start")
    async def start(http: Request) -> Response:
        return await answer(http, tuning.start)

    @app.post(f"{PATH}stop")
    async def stop(http: Request) -> Response:
        return await answer(http, lambda fields: tuning.finetunings.stop(reading.text_field(fields, "name")))

    @app.post(f"{PATH}go_on")
    async def go_on(http: Request) -> Response:
        def call(fields: reading.Fields) -> None:
            tuning.finetunings.go_on(reading.text_field(fields, "name"), _minutes(fields))

        return await answer(http, call)

    @app.post(f"{PATH}compare")
    async def compare(http: Request) -> Response:
        loop = asyncio.get_running_loop()

        def call(fields: reading.Fields) -> Any:
            running = work.run(functools.partial(tuning.compare, fields), config.timeout)
            return asyncio.run_coroutine_threadsafe(running, loop).result()

        return await answer(http, call)


def _minutes(fields: Mapping[str, Any]) -> float:
    given = fields.get("minutes")
    try:
        minutes = float(given if isinstance(given, str | int | float) else "")
    except ValueError:
        minutes = math.nan
    if not math.isfinite(minutes):
        raise nmt.ConfigError("minutes must be a number; 0 trains until there is no more to gain")
    return minutes
