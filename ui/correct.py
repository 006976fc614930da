"""Correcting a translation word by word: what the browser asks for when somebody points at a word.

Each function takes what the browser sent and returns plain values; what cannot be done is {"error": "..."}.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

import nmt

from .chat import FAULT, MAX_BEAM_SIZE, Settings
from .corrections import MAX_LENGTH, Corrections, shown
from .models import Models
from .payload import describe_sentence

NUM_CHOICES = 8

Asked = Mapping[str, Any]
Answer = dict[str, Any]


class Correcting:
    """The functions, for some models and the files that corrections go to."""

    def __init__(self, models: Models, corrections: Corrections):
        self._models, self._corrections = models, corrections

    def choices(self, asked: Asked) -> Answer:
        """What could stand at a place of a sentence's translation: `words`, each with the whole `text` it leads to."""
        translator, sentence, before = self._read(asked)
        config = _config(asked, translator)
        found = translator.choices(sentence, before, NUM_CHOICES, config)
        return {"words": [{"word": one.word, "text": one.text, "probability": one.probability} for one in found]}

    def complete(self, asked: Asked) -> Answer:
        """A sentence whose translation begins as its visitor wants it."""
        translator, sentence, before = self._read(asked)
        return {"sentence": describe_sentence(translator.complete(sentence, before, _config(asked, translator)))}

    def save(self, asked: Asked, request: gr.Request) -> Answer:
        """Keep a corrected sentence; says in which file."""
        self._corrections.check(request.headers, request.client.host if request.client else "")
        info = self._info(asked)
        return {"path": shown(self._corrections.save(info, _text(asked, "sentence"), _text(asked, "translation")))}

    def functions(self) -> list[Callable[..., Answer]]:
        """All of them as `gr.HTML` takes them."""
        return [in_plain_words(self.choices), in_plain_words(self.complete), in_plain_words(self.save)]

    def _read(self, asked: Asked) -> tuple[nmt.Translator, str, str]:
        self._info(asked)
        return self._models.get(asked["model"]), _text(asked, "sentence"), _text(asked, "before")

    def _info(self, asked: Asked) -> nmt.BundleInfo:
        name = asked.get("model")
        if name not in self._models.infos:
            raise nmt.ConfigError(f'there is no model "{name}" here any more')
        return self._models.infos[name]


def in_plain_words(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """The function, with errors as answers."""

    @functools.wraps(function)
    def answering(*asked: Any, **more: Any) -> Answer:
        try:
            return function(*asked, **more)
        except nmt.NmtError as error:
            return {"error": f"Sorry: {error}"}
        except Exception:
            import traceback

            traceback.print_exc()
            return {"error": FAULT}

    return answering


def _text(asked: Asked, name: str) -> str:
    text = asked.get(name)
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise nmt.ConfigError(f"{name} must be a text of at most {MAX_LENGTH:,} characters")
    return text


def _config(asked: Asked, translator: nmt.Translator) -> nmt.SearchConfig:
    """How the message was searched; of a sampled one only how wide, since a correction is a search."""
    given = asked.get("settings") or {}
    if not isinstance(given, Mapping):
        raise nmt.ConfigError("settings must be a table")
    method = "beam" if given.get("method") == "sampling" else given.get("method", "beam")
    beam_size, penalty = (given.get(name) for name in ("beam_size", "length_penalty"))
    return Settings(
        str(method),
        beam_size if isinstance(beam_size, int) and 1 <= beam_size <= MAX_BEAM_SIZE else None,
        float(penalty) if isinstance(penalty, int | float) else None,
    ).config(translator.search)
