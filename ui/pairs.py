"""The pairs of languages: what the page says about each, and which one is its reverse."""

from html import escape
from typing import Any

import nmt

from .examples import examples
from .models import Models
from .payload import describe_pair, pair_name


def choices(models: Models) -> list[tuple[str, str]]:
    """The models as the page offers them: the pair, with the name where several share it; and the name."""
    names = [pair_name(info) for info in models.infos.values()]
    return [
        (f"{shown} ({name})" if names.count(shown) > 1 else shown, name)
        for shown, name in zip(names, models.infos, strict=True)
    ]


def pairs(models: Models, is_local: bool) -> dict[str, dict[str, Any]]:
    """What the browser is told about every pair, by the name of the model."""
    return {name: pair(models, name, is_local) for name in models.infos}


def pair(models: Models, name: str, is_local: bool) -> dict[str, Any]:
    """What the browser is told about one."""
    info = models.infos[name]
    return {
        **describe_pair(name, info),
        "sourceName": nmt.language(info.source_language).name,
        "targetName": nmt.language(info.target_language).name,
        "examples": list(examples(info.source_language)),
        "about": about(info, is_local),
        "reverse": models.name_for(info.target_language, info.source_language) or "",
    }


def about(info: nmt.BundleInfo, is_local: bool) -> str:
    """What is said behind a model's name: where its knowledge comes from, and that nothing leaves the machine."""
    licence = f" ({info.licence})" if info.licence else ""
    learned = f", learned from {info.data_credit or 'data'}{licence}" if info.data_credit or info.licence else ""
    where = "this computer" if is_local else "the computer that serves this page"
    return f", {info.size_bytes / 1e6:.1f} MB{learned}. Nothing you type leaves {where}."


def heading(name: str, info: nmt.BundleInfo, is_local: bool) -> str:
    """The line at the top as HTML, until the browser replaces it."""
    return f"<p><strong>{escape(name)}</strong>{escape(about(info, is_local))}</p>"
