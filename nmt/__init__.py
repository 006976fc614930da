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
    from nmt.config import SearchConfig, Term, TranslationOptions
    from nmt.documents import FORMATS, DocumentOptions
    from nmt.errors import (
        BundleError,
        ConfigError,
        CorpusError,
        DocumentError,
        MissingExtraError,
        NmtError,
        TrainingError,
    )
    from nmt.finetuning.config import FinetuningConfig
    from nmt.finetuning.ending import Finetuning
    from nmt.finetuning.finetuner import finetune
    from nmt.inspection import Inspection
    from nmt.jobs.files import FileReport, translate_file
    from nmt.languages import language, looks_like
    from nmt.live import LiveTranslation, LiveTranslator
    from nmt.text.glossary import read_glossary
    from nmt.translator import Alternative, Choice, Partial, Sentence, Translation, Translator, Word, inspect

__version__ = "0.1.0"

__all__ = [
    "FORMATS",
    "Alternative",
    "BundleError",
    "BundleInfo",
    "Choice",
    "ConfigError",
    "CorpusError",
    "DocumentError",
    "DocumentOptions",
    "FileReport",
    "Finetuning",
    "FinetuningConfig",
    "Inspection",
    "LiveTranslation",
    "LiveTranslator",
    "MissingExtraError",
    "NmtError",
    "Partial",
    "SearchConfig",
    "Sentence",
    "Term",
    "TrainingError",
    "Translation",
    "TranslationOptions",
    "Translator",
    "Word",
    "__version__",
    "finetune",
    "inspect",
    "installed",
    "language",
    "looks_like",
    "read_glossary",
    "translate_file",
]

_HOME = {
    "Alternative": "nmt.translator",
    "BundleError": "nmt.errors",
    "BundleInfo": "nmt.bundle",
    "Choice": "nmt.translator",
    "ConfigError": "nmt.errors",
    "CorpusError": "nmt.errors",
    "DocumentError": "nmt.errors",
    "DocumentOptions": "nmt.documents",
    "FORMATS": "nmt.documents",
    "FileReport": "nmt.jobs.files",
    "Finetuning": "nmt.finetuning.ending",
    "FinetuningConfig": "nmt.finetuning.config",
    "Inspection": "nmt.inspection",
    "LiveTranslation": "nmt.live",
    "LiveTranslator": "nmt.live",
    "MissingExtraError": "nmt.errors",
    "NmtError": "nmt.errors",
    "Partial": "nmt.translator",
    "SearchConfig": "nmt.config",
    "Sentence": "nmt.translator",
    "Term": "nmt.config",
    "TrainingError": "nmt.errors",
    "Translation": "nmt.translator",
    "TranslationOptions": "nmt.config",
    "Translator": "nmt.translator",
    "Word": "nmt.translator",
    "inspect": "nmt.translator",
    "finetune": "nmt.finetuning.finetuner",
    "installed": "nmt.bundle",
    "language": "nmt.languages",
    "looks_like": "nmt.languages",
    "read_glossary": "nmt.text.glossary",
    "translate_file": "nmt.jobs.files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
