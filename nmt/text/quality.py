"""Checks of a translation that need no second opinion: what is wrong, in words, and how to search again.

They are meant to be right when they speak: a false alarm costs a second search and a line in a report.
"""

import dataclasses
import re
from collections.abc import Sequence

from nmt import languages
from nmt.config import SearchConfig

_NUM_REPEATS = 3  # the same thing so often in a row is a loop, unless the source has one too
_WORD = re.compile(r"[^\W\d_]+")
_REPEATED = re.compile(r"(\S.{0,24}?\S|[^\W\d_])(?:[\s,、.。!！?？]*\1){2,}", re.DOTALL)
_LEAST_LOOP = 6  # characters that are worth a complaint: "ha ha ha" is none
_LEAST_COPY = 4  # words, of which most are those of the source, make an untranslated copy
_LEAST_LETTERS = 12  # in another script than the target's
_SHORT, _LONG = 0.25, 4.0  # target tokens for each source token that no honest translation has
_LEAST_TOKENS = 8  # of a source whose translation can be called too short, or of a translation too long

EMPTY = "empty"
LOOP = "repetition"
SHORT = "too short"
LONG = "too long"
COPY = "not translated"
NUMBER = "missing number"
INVENTED = "number that is not in the source"
GUESS = "place is a guess"
GLOSSARY = "glossary term missing"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How many tokens the source has, the translation has, and the translation may have at most; EOS not counted."""

    source: int
    target: int
    limit: int


def problems(source: str, text: str, sizes: Sizes, target_language: str) -> tuple[str, ...]:
    """What looks wrong with the translation of a sentence; nothing, most of the time.

    Args:
        source, text: what the model has read and written.
        sizes: of both, in tokens.
        target_language: the code of the language that it should be.
    """
    found = []
    if not text.strip() or sizes.target == 0:
        found.append(EMPTY)
    if loop := _loop(source, text):
        found.append(f'{LOOP}: "{loop}"')
    if sizes.target >= sizes.limit and sizes.target >= _LEAST_TOKENS:
        found.append(f"{LONG}: cut off at {sizes.limit} tokens")
    elif sizes.target > max(_LONG * sizes.source, _LEAST_TOKENS):
        found.append(f"{LONG}: {sizes.target} tokens for {sizes.source}")
    elif 0 < sizes.target < _SHORT * sizes.source and sizes.source >= _LEAST_TOKENS:
        found.append(f"{SHORT}: {sizes.target} tokens for {sizes.source}")
    if _is_copy(source, text, target_language):
        found.append(COPY)
    return tuple(found)


def other_search(config: SearchConfig, found: Sequence[str]) -> SearchConfig:
    """How to search again for a sentence that has these problems."""
    kinds = {problem.partition(":")[0] for problem in found}
    penalty = config.length_penalty
    if SHORT in kinds or EMPTY in kinds:
        penalty += 0.4
    elif LONG in kinds or LOOP in kinds:
        penalty *= 0.6
    return dataclasses.replace(config, beam_size=max(2 * config.beam_size, 4), length_penalty=min(penalty, 10.0))


def blocks_repeats(found: Sequence[str]) -> bool:
    """Whether the second search should also forbid to say the same thing twice."""
    return any(problem.startswith((LOOP, LONG)) for problem in found)


def _loop(source: str, text: str) -> str:
    """What a translation says three times in a row, where the source does no such thing."""
    for match in _REPEATED.finditer(text):
        if len(match.group()) < _LEAST_LOOP or not any(map(str.isalpha, match[1])):
            continue
        around = (text[: match.start()][-1:] + match.group()[0], match.group()[-1] + text[match.end() :][:1])
        if any(map(str.isspace, match.group())) and any(len(edge) == 2 and edge.isalpha() for edge in around):
            continue  # the end of a word and the words behind it: "piedi di di"
        return "" if _REPEATED.search(source) or match.group() in source else match[1]
    return ""


def _is_copy(source: str, text: str, target_language: str) -> bool:
    scripts = languages.language(target_language).scripts
    if scripts and "Latin" not in scripts:
        letters = sum(map(len, _WORD.findall(text)))
        return letters >= _LEAST_LETTERS and languages.wrong_script(text, target_language)
    if languages.wrong_script(text, target_language):
        return True
    ours, theirs = ([word.lower() for word in _WORD.findall(side)] for side in (text, source))
    plain = [word for word in _WORD.findall(source) if word.islower()]
    if len(ours) < _LEAST_COPY or len(plain) < _LEAST_COPY - 1:  # names stay as they are
        return False
    return sum(word in set(theirs) for word in ours) > 0.8 * len(ours)
