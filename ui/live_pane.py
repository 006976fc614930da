"""The pane that translates while its visitor types: who is typing what, and what the browser shows of it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import nmt

from . import remarks
from .chat import describe_remark
from .models import Models
from .payload import describe

MAX_LENGTH = 5_000  # characters: beyond that nobody types any longer
_TELLING = 15  # characters: fewer say little about a language
NUM_PANES = 200  # remembered; the ones not typed in for longest are forgotten first, and begin anew


@dataclass
class _Pane:
    live: nmt.LiveTranslator
    lock: threading.Lock = field(default_factory=threading.Lock)


class LivePanes:
    """A live translator for each pane and model. Safe to share between threads."""

    def __init__(
        self,
        models: Models,
        make: Callable[[nmt.Translator], nmt.LiveTranslator] | None = None,
        num_panes: int = NUM_PANES,
    ):
        self._models, self._make, self._num_panes = models, make or nmt.LiveTranslator, num_panes
        self._panes: OrderedDict[tuple[str, str], _Pane] = OrderedDict()
        self._lock = threading.Lock()

    def live(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The translation of what stands in a pane now.

        Args:
            asked: `pane`, a name that the browser made up; `model`; `text`.

        Returns:
            See `payload.describe`, and `text`, the `seconds` it took, `notes`, and `unsure`, how many units of a string
            of the browser at the end of the text may still change.
        """
        model, text, name = (asked.get(key) for key in ("model", "text", "pane"))
        if model not in self._models.infos or not isinstance(text, str) or not isinstance(name, str):
            raise nmt.ConfigError("this model is not installed here any more; reload the page")
        if len(text) > MAX_LENGTH:
            raise nmt.ConfigError(
                f"this pane takes up to {MAX_LENGTH:,} characters, and that is {len(text):,}; use Chat or Files"
            )
        text = remarks.without_controls(text)
        pane = self._pane(name[:64], model)
        with pane.lock:
            found = pane.live.update(text)
        notes = []
        if len(text) >= _TELLING and (remark := remarks.about_language(text, model, self._models)):
            notes = [describe_remark(remark, self._models)]
        whole = nmt.Translation(text, found.text, 0.0, found.sentences)
        unsure = len(found.text[found.num_sure :].encode("utf-16-le")) // 2
        return {"text": found.text, "seconds": found.seconds, "notes": notes, "unsure": unsure, **describe(whole)}

    def _pane(self, name: str, model: str) -> _Pane:
        translator = self._models.get(model)
        with self._lock:
            pane = self._panes.pop((name, model), None) or _Pane(self._make(translator))
            self._panes[name, model] = pane
            while len(self._panes) > self._num_panes:
                self._panes.popitem(last=False)
        return pane
