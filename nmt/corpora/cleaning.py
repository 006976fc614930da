"""Unusable pairs out of parallel text, with a report of what was removed and why."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from nmt.corpora.corpus import Corpus
from nmt.errors import ConfigError, MissingExtraError
from nmt.languages import language, wrong_script

_NUM_EXAMPLES = 3

# One Chinese character says about as much as 2.7 letters, a kana or a Hangul syllable as much as 1.7.
_IDEOGRAPHS = re.compile("[\u2e80-\u2fdf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SYLLABLES = re.compile("[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\uac00-\ud7af]")
_RATIO_SLACK = 6  # letters added to both sides, so that "No." may become a longer courtesy

_ONE_WORD = re.compile(r"[^\w\s]*[^\W\d_]+(?:[-'’][^\W\d_]+)*\s?[^\w\s]*")  # with punctuation around it

_SECOND = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"  # what UTF-8 continuation bytes look like in Windows-1252
_BROKEN = re.compile(
    "[\ufeff\ufffd-\uffff\ud800-\udfff\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]"  # lost characters, controls
    "|[ÂÃ][\u0080-\u00bf]|â[€‚„†]|ã[€‚ƒ]|ï¼|ï»¿"  # Latin letters, quotes, kana, full-width signs as Windows-1252
    f"|(?:[ÐÑ]{_SECOND}){{2}}"  # Cyrillic as Windows-1252
    "|[縺繧繝].?[縺繧繝]"  # kana as Shift-JIS
)


@dataclass(frozen=True)
class CleaningRules:
    """What makes a pair unusable. Lengths count characters without surrounding white space."""

    max_characters: int = 500
    max_words: int = 100  # between white space
    max_length_ratio: float = 3.0  # between the sides, in characters weighted by how much each says in its script

    def __post_init__(self) -> None:
        for name in ("max_characters", "max_words", "max_length_ratio"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Removal:
    """Pairs removed for one reason, the first that applied to each; `examples` are (source, target)."""

    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CleaningReport:
    """What was removed and why; every reason is listed, in the order they are looked for. `str()` makes a table."""

    num_read: int
    num_kept: int
    removals: tuple[Removal, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report in what JSON can hold."""
        return {"read": self.num_read, "kept": self.num_kept, "removed": [asdict(removal) for removal in self.removals]}

    def __str__(self) -> str:
        def row(name: str, count: int) -> str:
            return f"{name:<18}{count:>12,}{100 * count / max(1, self.num_read):>8.2f} %"

        lines = [row("read", self.num_read), row("kept", self.num_kept)]
        lines.append(row("removed", self.num_read - self.num_kept))
        for removal in self.removals:
            lines.append(row(f"  {removal.reason}", removal.count))
            lines += [f"      {_shown(source)} | {_shown(target)}" for source, target in removal.examples]
        return "\n".join(lines)


def clean(
    corpus: Corpus,
    source_language: str,
    target_language: str,
    rules: CleaningRules,
    *,
    progress: bool = False,
    held_out: Collection[str] = (),
) -> tuple[Corpus, CleaningReport]:
    """Remove unusable pairs, and the white space around every text; what is kept stays in order.

    Args:
        corpus: any parallel text.
        source_language: code of the language the sources should be in.
        target_language: the same for the targets.
        rules: what is unusable.
        progress: draw a progress bar on stderr.
        held_out: keys (`sentence_key`) of sentences that must not occur, on either side.

    Raises:
        ConfigError: a malformed language code.
    """
    spaced = all(language(code).uses_spaces for code in (source_language, target_language))
    reasons: dict[str, Callable[[str, str], bool]] = {
        "empty": lambda source, target: not source or not target,
        "broken encoding": lambda source, target: bool(_BROKEN.search(source) or _BROKEN.search(target)),
        "too long": lambda source, target: _too_long(source, rules) or _too_long(target, rules),
        "length ratio": lambda source, target: _length_ratio(source, target) > rules.max_length_ratio,
        "source = target": lambda source, target: _is_copy(source, target, spaced),
        "wrong script": lambda source, target: (
            wrong_script(source, source_language) or wrong_script(target, target_language)
        ),
        "duplicate": lambda source, target: (source, target) in seen,
    }
    if held_out:
        reasons["held out"] = lambda source, target: (
            not {sentence_key(source), sentence_key(target)}.isdisjoint(held_out)
        )
    seen: set[tuple[str, str]] = set()
    counts = dict.fromkeys(reasons, 0)
    examples: dict[str, list[tuple[str, str]]] = {reason: [] for reason in reasons}
    sources: list[str] = []
    targets: list[str] = []
    pairs = zip(corpus.sources, corpus.targets, strict=True)
    for source, target in with_progress(pairs, len(corpus), "cleaning", progress):
        source, target = source.strip(), target.strip()
        reason = next((reason for reason, applies in reasons.items() if applies(source, target)), None)
        if reason is None:
            seen.add((source, target))
            sources.append(source)
            targets.append(target)
            continue
        counts[reason] += 1
        if len(examples[reason]) < _NUM_EXAMPLES:
            examples[reason].append((source, target))
    removals = tuple(Removal(reason, counts[reason], tuple(examples[reason])) for reason in reasons)
    return Corpus(sources, targets), CleaningReport(len(corpus), len(sources), removals)


def _is_copy(source: str, target: str, spaced: bool) -> bool:
    """Whether nothing was translated. A single word may be the same in both languages: "Hotel", "No.", a name.

    Args:
        spaced: whether both languages have spaces between words, so that one word can be told.
    """
    if sentence_key(source) != sentence_key(target):
        return False
    return not (spaced and _ONE_WORD.fullmatch(source))


def sentence_key(text: str) -> str:
    """What two spellings of one sentence have in common: no case, width, white space, punctuation or symbols."""
    # in this order, sentences equal without case, spaces and punctuation are equal whatever NFKC makes of them
    bare = text.casefold().translate(_PUNCTUATION)
    return bare if bare.isascii() else unicodedata.normalize("NFKC", bare).casefold().translate(_PUNCTUATION)


def keys_of(corpora: Iterable[Corpus]) -> set[str]:
    """The keys of all their sentences, on both sides."""
    return {sentence_key(text) for corpus in corpora for side in (corpus.sources, corpus.targets) for text in side}


def without(corpus: Corpus, keys: Collection[str]) -> Corpus:
    """The pairs of which neither side has one of these keys."""
    pairs = [
        pair
        for pair in zip(corpus.sources, corpus.targets, strict=True)
        if not any(sentence_key(t) in keys for t in pair)
    ]
    return Corpus([source for source, _ in pairs], [target for _, target in pairs])


def with_progress(items: Iterable[Any], total: int, what: str, progress: bool) -> Iterable[Any]:
    """The same items; with `progress`, a bar on stderr that counts them as pairs."""
    if not progress:
        return items
    try:
        from tqdm import tqdm
    except ImportError:
        raise MissingExtraError("Showing progress", "train") from None
    return tqdm(items, what, total, unit=" pairs", unit_scale=True)


class _PunctuationTable(dict[int, int | None]):
    """For `str.translate`: drops separators, punctuation, symbols, controls; filled as characters are met."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code))[0] in "ZPSC" else code
        return self[code]


_PUNCTUATION = _PunctuationTable()


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _too_long(text: str, rules: CleaningRules) -> bool:
    return len(text) > rules.max_characters or (len(text) > rules.max_words and len(text.split()) > rules.max_words)


def _length_ratio(source: str, target: str) -> float:
    weights = [
        len(text) + 1.7 * len(_IDEOGRAPHS.findall(text)) + 0.7 * len(_SYLLABLES.findall(text)) + _RATIO_SLACK
        for text in (source, target)
    ]
    return max(weights) / min(weights)
