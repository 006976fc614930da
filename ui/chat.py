"""What the chat answers: plain functions from a message to what the browser shows for it, piece by piece."""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any

import nmt

from . import remarks
from .models import Models
from .payload import describe, describe_pair
from .settings import ServerConfig

METHODS = {"beam": "Beam search", "greedy": "Greedy", "sampling": "Sampling"}
NUM_ALTERNATIVES = 4  # for each sentence, the chosen one included
MAX_BEAM_SIZE = 12
FAULT = "Something went wrong. The terminal in which this page was started says what."
_INTERVAL = 0.04  # seconds between two looks at a growing translation: more often than eyes notice costs time
_PER_CHARACTER = 1e-5  # the more there is to send each time, the rarer

Message = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How a message is translated, as its visitor has set it; None leaves it to the model."""

    method: str = "beam"
    beam_size: int | None = None
    length_penalty: float | None = None
    temperature: float = 0.7

    def config(self, base: nmt.SearchConfig) -> nmt.SearchConfig:
        """The search of a model, changed to this.

        Raises:
            ConfigError: a value that makes no sense.
        """
        if self.method not in METHODS:
            raise nmt.ConfigError(f'no method "{self.method}": there are {", ".join(METHODS)}')
        beam_size = 1 if self.method == "greedy" else base.beam_size if self.beam_size is None else self.beam_size
        config = dataclasses.replace(
            base,
            beam_size=beam_size,
            num_alternatives=max(1, min(NUM_ALTERNATIVES, beam_size)),
            length_penalty=base.length_penalty if self.length_penalty is None else self.length_penalty,
        )
        if self.method == "sampling":
            config = dataclasses.replace(config, temperature=float(self.temperature), seed=time.time_ns() % 2**31)
        return config


@dataclass(frozen=True)
class Request:
    """A message to translate."""

    text: str
    model: str
    settings: Settings = Settings()


def respond(
    models: Models, request: Request, limits: ServerConfig, clock: Callable[[], float] = time.perf_counter
) -> Generator[Message, None, None]:
    """What to show for a message: at once that it is worked on, then the translation as it grows, then all of it.

    `state` is "working", and at last "done", "stopped" (it took too long) or "failed"; nothing comes after these.
    Closing the generator stops the work.

    Raises:
        Whatever is no NmtError, after it has been said that something went wrong.
    """
    answer = _Answer()
    if request.model not in models.infos:
        yield answer.end("failed", f'There is no model "{request.model}" here; choose one at the top of the page.')
        return
    answer.fixed |= describe_pair(request.model, models.infos[request.model])
    answer.fixed["settings"] = dataclasses.asdict(request.settings)
    yield answer.growing("")
    try:
        yield from _translate(models, request, limits, answer, clock)
    except nmt.NmtError as error:
        yield answer.end("failed", f"Sorry, this could not be translated: {error}")
    except Exception:
        yield answer.end("failed", FAULT)
        raise


class _Answer:
    """Makes the messages about one request; what is `fixed` is in all of them."""

    def __init__(self) -> None:
        self.fixed: dict[str, Any] = {}

    def growing(self, text: str) -> Message:
        return {**self.fixed, "state": "working", "text": text}

    def end(self, state: str, note: str = "", **fields: Any) -> Message:
        notes = [*self.fixed.get("notes", []), *([{"text": note}] if note else [])]
        return {**self.fixed, "state": state, "text": "", **fields, "notes": notes}


def _translate(
    models: Models, request: Request, limits: ServerConfig, answer: _Answer, clock: Callable[[], float]
) -> Iterator[Message]:
    text = remarks.without_controls(request.text)
    if refused := remarks.refusal(text, limits.max_text_length):
        yield answer.end("failed", refused)
        return
    if remark := remarks.about_language(text, request.model, models):
        answer.fixed["notes"] = [describe_remark(remark, models)]
    translator = models.get(request.model)
    config = request.settings.config(translator.search)
    seconds_allowed = limits.seconds_for(len(text))
    start = shown = before = clock()
    said, seconds = "", 0.0
    with _closing(translator.stream(text, config)) as partials:
        for partial in partials:
            now = clock()
            seconds += now - before  # without the time in which others had the turn
            if partial.done and partial.translation is not None:
                note = remarks.about_result(partial.translation)
                yield answer.end("done", note, text=partial.text, seconds=seconds, **describe(partial.translation))
                return
            if now - start > seconds_allowed:
                note = f"This took longer than {seconds_allowed:,.0f} s and was stopped. Send less text at a time."
                yield answer.end("stopped", note, text=partial.text)
                return
            if partial.text != said and (not said or now - shown >= max(_INTERVAL, len(partial.text) * _PER_CHARACTER)):
                said, shown = partial.text, now
                yield answer.growing(said)
            before = clock()


def _closing(partials: Iterator[nmt.Partial]) -> AbstractContextManager[Iterator[nmt.Partial]]:
    """A generator goes on working until it is closed."""
    return closing(partials) if isinstance(partials, Generator) else nullcontext(partials)


def describe_remark(remark: remarks.Remark, models: Models) -> dict[str, Any]:
    """A remark for the browser, with the name of the pair that would suit better."""
    if not remark.model:
        return {"text": remark.text}
    return {"text": remark.text, **describe_pair(remark.model, models.infos[remark.model])}
