"""The data of a fine-tuning: cleaned, and in parts that share no sentence."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.corpora.cleaning import CleaningReport, CleaningRules, clean, keys_of, without
from nmt.corpora.corpus import Corpus, joined, read_corpus
from nmt.corpora.phrases import find_phrases
from nmt.corpora.preparation import Parts, split
from nmt.errors import ConfigError, CorpusError
from nmt.finetuning.config import FinetuningConfig
from nmt.finetuning.misgivings import about_alignments, about_languages, about_others, about_report, about_text, reasons
from nmt.languages import same_language

Places = str | Path | Sequence[str | Path]  # of one corpus or several

_PAIR = re.compile(r"([a-z]{2,3}(?:-[A-Z0-9][A-Za-z0-9]*)*)-([a-z]{2,3}(?:-[A-Z0-9][A-Za-z0-9]*)*)")
_FEW = 200  # pairs to learn from


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

    @property
    def num_pairs(self) -> int:
        """How many there are to learn from, without the phrases, which say nothing that these do not."""
        return len(self.train) - self.num_phrases


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
            f"none of the {len(raw):,} pairs of {named} is usable: {reasons(report)}; "
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
        *about_languages(pair),
        *about_report(report),
        *about_text(corpus, pair),
        *about_alignments(places, read),
        *about_others({**given, "mix": to_mix}, pair),
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


def _about_old(train: Corpus, old_test: Corpus | None) -> list[str]:
    if old_test is None:
        return []
    count = len(old_test) - len(without(old_test, keys_of([train])))
    if not count:
        return []
    return [f"{count:,} of the {len(old_test):,} pairs of old-test share a sentence with what is learned from"]
