"""Machine translation with LSTMs: private, offline, tiny and instant.

Example:
    >>> from nmt import SearchConfig, Translator
    >>> translator = Translator.load("en-ja")  # a shipped name, or a folder
    >>> translator.translate("Good morning!").text
    >>> translator.translate_batch(["Yes.", "No."], SearchConfig(beam_size=8))

Names are imported from their modules when first used, so `import nmt` itself loads nothing else.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt.bundle import BundleInfo, installed
    from nmt.config import SearchConfig
    from nmt.errors import BundleError, ConfigError, CorpusError, MissingExtraError, NmtError, TrainingError
    from nmt.languages import language, looks_like
    from nmt.translator import Alternative, Sentence, Translation, Translator

__version__ = "0.1.0"

__all__ = [
    "Alternative",
    "BundleError",
    "BundleInfo",
    "ConfigError",
    "CorpusError",
    "MissingExtraError",
    "NmtError",
    "SearchConfig",
    "Sentence",
    "TrainingError",
    "Translation",
    "Translator",
    "__version__",
    "installed",
    "language",
    "looks_like",
]

_HOME = {
    "Alternative": "nmt.translator",
    "BundleError": "nmt.errors",
    "BundleInfo": "nmt.bundle",
    "ConfigError": "nmt.errors",
    "CorpusError": "nmt.errors",
    "MissingExtraError": "nmt.errors",
    "NmtError": "nmt.errors",
    "SearchConfig": "nmt.config",
    "Sentence": "nmt.translator",
    "TrainingError": "nmt.errors",
    "Translation": "nmt.translator",
    "Translator": "nmt.translator",
    "installed": "nmt.bundle",
    "language": "nmt.languages",
    "looks_like": "nmt.languages",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
