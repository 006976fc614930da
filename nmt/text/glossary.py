"""Words that are to be translated in one given way: read from a file, found in a sentence, missed in a translation."""

import functools
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from nmt.config import Term
from nmt.errors import ConfigError

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def read_glossary(path: str | Path) -> tuple[Term, ...]:
    """Read a glossary: a line for each term, the source and then one or more translations, divided by tabs.

    Empty lines are left out. A term that comes twice has the translations of both lines.

    Raises:
        ConfigError: the file cannot be read, is not UTF-8, or a line has no translation; the message has its number.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read the glossary {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        byte = f"byte {error.start} is 0x{error.object[error.start]:02x}"
        raise ConfigError(f"the glossary {path} is not UTF-8: {byte}") from None
    terms: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        cells = [unicodedata.normalize("NFC", cell.strip()) for cell in line.split("\t")]
        source, *targets = cells
        if not any(cells):
            continue
        if not source or not any(targets):
            raise ConfigError(
                f"{path}, line {number}: expected a term, a tab and its translation, not {line.strip()!r}"
            )
        terms.setdefault(source, {}).update(dict.fromkeys(target for target in targets if target))
    return tuple(Term(source, tuple(targets)) for source, targets in terms.items())


def terms_in(text: str, glossary: tuple[Term, ...], uses_spaces: bool) -> tuple[Term, ...]:
    """The terms that a sentence has, in the order of their first places.

    A term in small letters is found however it is written ("bank" in "Bank" and "BANK"), any other only as it is
    ("US" is not "us"). It is found between words only, where the language has spaces between them. A longer term
    hides those within it, where it stands.
    """
    if not glossary:
        return ()
    pattern, terms = _finder(glossary, uses_spaces)
    found = (terms[match.lastgroup or ""] for match in pattern.finditer(unicodedata.normalize("NFC", text)))
    return tuple(dict.fromkeys(found))


@functools.lru_cache(maxsize=8)
def words_of(glossary: tuple[Term, ...]) -> frozenset[str]:
    """All words of the terms to be translated, in small letters."""
    return frozenset(word for term in glossary for word in _WORD.findall(term.source.lower()))


def missed_terms(text: str, terms: Sequence[Term]) -> tuple[Term, ...]:
    """The terms of which a translation has none of the translations, however they are written."""
    folded = _folded(text)
    return tuple(term for term in terms if not any(_folded(target) in folded for target in term.targets))


def spellings(term: Term) -> tuple[str, ...]:
    """The ways to write the translations of a term: as given, and with a capital as at the start of a sentence."""
    written = (*term.targets, *(target[0].upper() + target[1:] for target in term.targets))
    return tuple(dict.fromkeys(written))


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).casefold()


@functools.lru_cache(maxsize=16)
def _finder(glossary: tuple[Term, ...], uses_spaces: bool) -> tuple[re.Pattern[str], dict[str, Term]]:
    terms: dict[str, Term] = {}
    patterns = []
    for number, term in enumerate(sorted(glossary, key=lambda term: len(term.source), reverse=True)):
        word = r"\s+".join(map(re.escape, term.source.split()))
        if term.source == term.source.lower():
            word = f"(?i:{word})"
        if uses_spaces:
            word = (r"(?<!\w)" if term.source[0].isalnum() else "") + word
            word += r"(?!\w)" if term.source[-1].isalnum() else ""
        patterns.append(f"(?P<t{number}>{word})")
        terms[f"t{number}"] = term
    return re.compile("|".join(patterns)), terms
