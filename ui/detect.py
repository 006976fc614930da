"""Which language a text is in: py3langid, which brings its model along, corrected by what is certain."""

import functools
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import nmt

SAMPLE = 2_000  # characters are enough
_LISTED = "ar cs da de el en es fi fr he hi hu id it ja ko nb nl pl pt ro ru sv th tr uk vi zh"
LANGUAGES = frozenset(_LISTED.split())
_OTHER_NAMES = {"nb": "no"}  # what the library calls them
_LETTER = re.compile(r"[^\W\d_]")
_loading = threading.Lock()


@dataclass(frozen=True)
class Detection:
    """A language that a text may be in, and how likely, in percent."""

    language: str
    confidence: float


def detect(text: str, among: Iterable[str]) -> list[Detection]:
    """The languages of `among` that a text may be in, most likely first.

    A language whose script or common words contradict the text is left out; a text without any letter may be in all,
    with a confidence of 0. Languages that the detector does not know count as possible but unlikely.
    """
    sample = text[:SAMPLE]
    codes = list(dict.fromkeys(among))
    if not _LETTER.search(sample):
        return [Detection(code, 0.0) for code in codes]
    possible = [code for code in codes if nmt.looks_like(sample, code)]
    ranks = dict(_identifier().rank(sample))
    scores = {code: ranks.get(_OTHER_NAMES.get(_primary(code), _primary(code)), 0.0) for code in possible}
    total = sum(ranks.get(_OTHER_NAMES.get(code, code), 0.0) for code in LANGUAGES | set(map(_primary, possible)))
    found = [Detection(code, round(100 * score / total, 1) if total else 0.0) for code, score in scores.items()]
    return sorted(found, key=lambda one: -one.confidence)


def _primary(code: str) -> str:
    return code.partition("-")[0]


def _identifier() -> Any:
    with _loading:
        return _load()


@functools.cache
def _load() -> Any:
    """Takes a second and 100 MB, so not before somebody asks."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
