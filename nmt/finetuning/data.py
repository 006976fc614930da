"""The data of a fine-tuning: cleaned, in parts that share no sentence, and looked at for what usually goes wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.corpora.cleaning import CleaningReport, CleaningRules, clean, keys_of, without
from nmt.corpora.corpus import Corpus, joined, read_corpus
from nmt.corpora.phrases import find_phrases
from nmt.corpora.preparation import Parts, split
from nmt.errors import ConfigError, CorpusError
from nmt.finetuning.config import FinetuningConfig
from nmt.languages import LANGUAGES, language, looks_like, same_language

Places = str | Path | Sequence[str | Path]  # of one corpus or several

_PAIR = re.compile(r"([a-z]{2,3}(?:-[A-Z0-9][A-Za-z0-9]*)*)-([a-z]{2,3}(?:-[A-Z0-9][A-Za-z0-9]*)*)")
_FEW = 200  # pairs to learn from
_MUCH = 0.1  # of the pairs, to be worth a warning
_SAMPLE = 1000  # pairs whose language is looked at
_BLOCK = 200  # pairs whose alignment is looked at together
_UNRELATED = 0.2  # correlation of the lengths of sentences that do not translate each other, at most


@dataclass(frozen=True)
class FinetuningData:
    """Everything that a fine-tuning reads.

    Attributes:
        train, dev, test: the new data; `test` may be empty.
        mix: old pairs to mix in, or what the parent translated; None without.
        mix_share: of them for each new pair.
        old_test: old pairs to see what is forgotten; None without.
        report: what was removed from the new data.
        warnings: one line each.
        num_phrases: at the end of `train`, found in the rest of it.
    """

    train: Corpus
    dev: Corpus
    test: Corpus
    mix: Corpus | None
    old_test: Corpus | None
    report: CleaningReport
    warnings: tuple[str, ...]
    num_phrases: int = 0
    mix_share: float = 0.0


def parse_pair(text: str) -> tuple[str, str]:
    """ "en-it" -> ("en", "it"); a region goes in capitals: "en-pt-BR".

    Raises:
        ConfigError: it is no such pair, or one language twice.
    """
    match = _PAIR.fullmatch(text)
    if match is None:
        raise ConfigError(f'"{text}" is not a pair of languages; expected two codes such as en-it or en-pt-BR')
    if match[1] == match[2]:
        raise ConfigError(f'"{text}" names one language twice; expected two, such as en-it')
    return match[1], match[2]


def check_old(options: FinetuningConfig, pair: tuple[str, str], parent_pair: tuple[str, str]) -> None:
    """Refuse old text where the parent's languages are not the child's.

    Raises:
        ConfigError: that is so.
    """
    for name in ("rehearse", "mix", "old_test"):
        if getattr(options, name) and not all(map(same_language, pair, parent_pair)):
            raise ConfigError(
                f"{name.replace('_', '-')} goes with a new domain: this model will translate {'-'.join(pair)}, "
                f"its parent {'-'.join(parent_pair)}"
            )


def read_data(places: Places, pair: tuple[str, str], options: FinetuningConfig) -> FinetuningData:
    """Read, clean and split.

    Args:
        places: the corpus to learn from, or several.
        pair: its languages.
        options: where the other corpora are, and how large the parts are to be.

    Raises:
        ConfigError: there are no places.
        CorpusError: a corpus that cannot be read, or of which nothing can be used.
    """
    places = [places] if isinstance(places, str | Path) else places
    if not places:
        raise ConfigError("data names no corpus; expected one or several to learn from")
    read = [read_corpus(place, *pair) for place in places]
    raw, named = joined(read), " and ".join(map(str, places))
    corpus, report = clean(raw, *pair, CleaningRules())
    if not len(corpus):
        raise CorpusError(
            f"none of the {len(raw):,} pairs of {named} is usable: {_reasons(report)}; "
            f"the sources must be in {pair[0]} and the targets in {pair[1]}"
        )
    given = {name: _given(getattr(options, name), pair) for name in ("dev", "test", "old_test")}
    to_mix = read_corpus(options.mix, *pair) if options.mix else None
    mix = None if to_mix is None else clean(to_mix, *pair, CleaningRules())[0]
    left = without(corpus, keys_of(part for part in (given["dev"], given["test"]) if part is not None))
    if not len(left):
        raise CorpusError(f"every pair of {named} is in the dev or test part as well; nothing is left to learn from")
    parts = _parts(left, given["dev"], given["test"], options)
    train, tests = parts.train, keys_of((parts.dev, parts.test))
    mix, no_mix = _usable(mix, parts)
    phrases, without_phrases = _phrases(train, pair) if options.phrases else (Corpus([], []), [])
    phrases = without(phrases, tests)  # a phrase can be a sentence: "Help!"
    warnings = [
        *_about_languages(pair),
        *_about_report(report),
        *_about_text(corpus, pair),
        *_about_alignments(places, read),
        *_about_others({**given, "mix": to_mix}, pair),
        *_about_shared(given["dev"], given["test"]),
        *_about_overlap(corpus, left),
        *no_mix,
        *_about_old(joined([train, *([] if mix is None else [mix])]), given["old_test"]),
        *without_phrases,
    ]
    if len(train) < _FEW:
        warnings.append(
            f"there are only {len(train):,} pairs to learn from; a few hundred show an effect, thousands a good one"
        )
    train, share = joined([train, phrases]), 0.0 if mix is None else options.mix_share
    return FinetuningData(
        train, parts.dev, parts.test, mix, given["old_test"], report, tuple(warnings), len(phrases), share
    )


def usual_sizes(num_pairs: int) -> tuple[int, int]:
    """How many pairs go to dev and test: a tenth each, so that a few hundred leave most to learn from."""
    return max(1, min(500, num_pairs // 10)), max(1, min(1000, num_pairs // 10))


def _parts(corpus: Corpus, dev: Corpus | None, test: Corpus | None, options: FinetuningConfig) -> Parts:
    """Dev and test as given, else cut off the corpus."""
    usual = usual_sizes(len(corpus))
    dev_size, test_size = (0 if dev else options.dev_size), (0 if test else options.test_size)
    while True:
        try:
            parts = split(
                corpus,
                usual[0] if dev_size is None else dev_size,
                usual[1] if test_size is None else test_size,
                options.seed,
            )
            break
        except CorpusError:
            # Text that repeats itself has fewer pairs that can stand alone.
            usual = usual[0] // 2, usual[1] // 2
            if None not in (dev_size, test_size) or not all(usual):
                raise
    return Parts(parts.train, parts.dev if dev is None else dev, parts.test if test is None else test)


def _given(place: str, pair: tuple[str, str]) -> Corpus | None:
    """A corpus to measure on, as it is but for the space around each text; None where none is named."""
    if not place:
        return None
    corpus = read_corpus(place, *pair)
    return Corpus([text.strip() for text in corpus.sources], [text.strip() for text in corpus.targets])


def _about_others(corpora: Mapping[str, Corpus | None], pair: tuple[str, str]) -> list[str]:
    """What is odd about the corpora beside the one to learn from, by the names of their options."""
    return [
        f"--{name.replace('_', '-')}: {line}"
        for name, corpus in corpora.items()
        if corpus is not None and len(corpus)
        for line in (*_about_text(corpus, pair), *_about_alignment(corpus))
    ]


def _about_shared(dev: Corpus | None, test: Corpus | None) -> list[str]:
    """Whether the best weights are chosen by sentences that they are then judged by."""
    if dev is None or test is None:
        return []
    count = len(test) - len(without(test, keys_of([dev])))
    if not count:
        return []
    return [f"{count:,} of the {len(test):,} pairs of test share a sentence with dev, so their score is too good"]


def _about_overlap(corpus: Corpus, left: Corpus) -> list[str]:
    if len(left) == len(corpus):
        return []
    return [
        f"{len(corpus) - len(left):,} of the {len(corpus):,} pairs share a sentence with dev or test; they are left "
        "out, since a score on what was learned says nothing"
    ]


def _usable(mix: Corpus | None, parts: Parts) -> tuple[Corpus | None, list[str]]:
    """The old pairs without what stands in dev or test, and what is to be said where none are left."""
    if mix is None:
        return None, []
    kept = without(mix, keys_of((parts.dev, parts.test)))
    return (kept, []) if len(kept) else (None, ["nothing is mixed in: no pair of that corpus is usable"])


def _phrases(train: Corpus, pair: tuple[str, str]) -> tuple[Corpus, list[str]]:
    """The phrases in the text, and what is to be said where there are none."""
    try:
        return find_phrases(train, *pair), []
    except CorpusError as error:
        return Corpus([], []), [f"no phrases are learned: {error}"]


def _about_languages(pair: Sequence[str]) -> list[str]:
    unknown = [code for code in pair if language(code).code.partition("-")[0] not in LANGUAGES]
    return [
        f'nothing is known about the language "{code}", so its script and words are not checked' for code in unknown
    ]


def _about_report(report: CleaningReport) -> list[str]:
    share = 1 - report.num_kept / max(1, report.num_read)
    if share < 2 * _MUCH:
        return []
    return [f"{report.num_read - report.num_kept:,} of the {report.num_read:,} pairs are unusable: {_reasons(report)}"]


def _reasons(report: CleaningReport) -> str:
    return ", ".join(f"{removal.reason} ({removal.count:,})" for removal in report.removals if removal.count)


def _about_text(corpus: Corpus, pair: tuple[str, str]) -> list[str]:
    """Whether the sides are in their languages."""
    step = max(1, len(corpus) // _SAMPLE)
    sides = corpus.sources[::step], corpus.targets[::step]
    right = [_share_in(side, code) for side, code in zip(sides, pair, strict=True)]
    if 1 - min(right) <= _MUCH:
        return []
    turned = [_share_in(side, code) for side, code in zip(sides, reversed(pair), strict=True)]
    if sum(turned) > sum(right):
        return [
            f"the columns seem to be the wrong way round: the first looks like {pair[1]}, the second like {pair[0]}"
        ]
    return [
        f"{1 - share:.0%} of the {name} sentences do not look like {language(code).name}"
        for name, code, share in zip(("source", "target"), pair, right, strict=True)
        if 1 - share > _MUCH
    ]


def _share_in(texts: Sequence[str], code: str) -> float:
    return sum(looks_like(text, code) for text in texts) / max(1, len(texts))


def _about_alignments(places: Sequence[str | Path], corpora: Sequence[Corpus]) -> list[str]:
    """`_about_alignment` of each, which is named where there are several."""
    return [
        f"{place}: {line}" if len(places) > 1 else line
        for place, corpus in zip(places, corpora, strict=True)
        for line in _about_alignment(corpus)
    ]


def _about_alignment(corpus: Corpus) -> list[str]:
    """Whether long sentences have long translations; where a line is missing on one side, they no longer do."""
    lengths = np.array([[len(text.strip()) for text in side] for side in (corpus.sources, corpus.targets)])
    starts = range(0, lengths.shape[1], _BLOCK)
    bad = [start for start in starts if _unrelated(lengths[:, start : start + _BLOCK])]
    for first in bad:
        block = lengths[:, first : first + _BLOCK]
        shifts = [shift for shift in (-2, -1, 1, 2) if _correlation(_shifted(block, shift)) > 2 * _UNRELATED]
        following = [start for start in starts if start >= first]
        most = sum(start in bad for start in following) > len(following) / 2
        if not shifts and not most:
            continue  # chance, as among words and short phrases
        where = (
            f"from about pair {first + 1:,} on"
            if most
            else f"in about the pairs {first + 1:,} to {min(first + _BLOCK, lengths.shape[1]):,}"
        )
        seems = f"; line n of one side seems to belong to line n{shifts[0]:+} of the other" if shifts else ""
        return [
            f"{where} the lengths of the two sides have nothing to do with each other: "
            f"are they translations of each other?{seems}"
        ]
    return []


def _unrelated(lengths: np.ndarray) -> bool:
    return lengths.shape[1] >= _BLOCK // 2 and _correlation(lengths) < _UNRELATED


def _shifted(lengths: np.ndarray, shift: int) -> np.ndarray:
    """Source n beside target n + shift."""
    size = lengths.shape[1] - abs(shift)
    first, second = max(0, -shift), max(0, shift)
    return np.stack([lengths[0, first : first + size], lengths[1, second : second + size]])


def _correlation(lengths: np.ndarray) -> float:
    """Of the logarithms. (2, N) -> -1 to 1; 1 where all sentences are of much the same length."""
    logs = np.log1p(lengths)
    if (logs.std(axis=1) < 0.2).any():
        return 1.0
    return float(np.corrcoef(logs)[0, 1])


def _about_old(train: Corpus, old_test: Corpus | None) -> list[str]:
    if old_test is None:
        return []
    count = len(old_test) - len(without(old_test, keys_of([train])))
    if not count:
        return []
    return [f"{count:,} of the {len(old_test):,} pairs of old-test share a sentence with what is learned from"]
