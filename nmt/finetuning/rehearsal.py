"""Rehearsal: everyday sentences, as the parent translates them, learned along with a new domain lest it forgets them.

Networks that learn something new forget what they are no longer shown (McCloskey & Cohen 1989). Robins (1995) showed
that the old data is not needed against it: what the old network itself answers will do, learned along with the new.
The sentences were written for this project and are CC0; those of English are in `everyday/en.txt` beside this file.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from nmt.corpora.cleaning import CleaningRules, clean, keys_of, without
from nmt.corpora.corpus import Corpus, read_pair_files, write_pair_files
from nmt.errors import ConfigError
from nmt.finetuning.config import FinetuningConfig
from nmt.finetuning.start import Parent
from nmt.languages import language, same_language
from nmt.translator import Translator

SHARE = 2.0  # sentences that are rehearsed for each new pair, where nothing is said
_MANY = 3_000  # new pairs: a model from nothing learns more of 4,529 (docs/finetuning-figures.md); fewer were not tried
_AT_LEAST, _PASSES = 2_000, 4  # sentences to draw from: as many as so many passes over the new data take
_FOLDER = Path(__file__).parent / "everyday"
_FILE, _HALF = "rehearsal", ".unfinished"


def rehearsed_languages() -> tuple[str, ...]:
    """Codes of the source languages of which there are sentences to rehearse."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.txt")))


def everyday_sentences(code: str) -> list[str]:
    """The sentences that are rehearsed, in an order by chance; none in most languages."""
    file = _FOLDER / f"{code}.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def rehearsal_share(options: FinetuningConfig, pair: tuple[str, str], parent_pair: tuple[str, str]) -> float:
    """How many sentences are rehearsed for each new pair; 0: none.

    None of themselves where old pairs are mixed in, which are better, where the languages are others than the
    parent's, and where there are no sentences in the source language.

    Raises:
        ConfigError: some are asked for in such a language.
    """
    known = _base(pair[0]) in rehearsed_languages()
    if options.rehearse and not known:
        raise ConfigError(
            f"there are no {language(pair[0]).name} sentences to rehearse, only {', '.join(rehearsed_languages())}; "
            "mix in old pairs instead, or leave rehearse out"
        )
    if options.rehearse is not None:
        return options.rehearse
    can = all(map(same_language, pair, parent_pair)) and not options.mix and known
    return SHARE if can else 0.0


def rehearsal(parent: Parent, num_per_pass: float, known: Sequence[Corpus]) -> Corpus:
    """Everyday sentences, and how the parent translates them by its own search.

    Args:
        num_per_pass: of sentences in a pass over the new data; there are more, so that each pass has others, if need
            be and there are so many.
        known: dev and test parts; no sentence of theirs is rehearsed.
    """
    source, target = parent.pair
    sentences = everyday_sentences(_base(source))[: max(_AT_LEAST, math.ceil(_PASSES * num_per_pass))]
    translations = [one.text for one in Translator.load(parent.folder).translate_batch(sentences)]
    return without(clean(Corpus(sentences, translations), source, target, CleaningRules())[0], keys_of(known))


def about_forgetting(
    options: FinetuningConfig, pair: tuple[str, str], parent_pair: tuple[str, str], num_pairs: int
) -> list[str]:
    """A warning where a new domain is learned and nothing is there to rehearse, or so much that could be learned."""
    if not all(map(same_language, pair, parent_pair)):
        return []
    if _base(pair[0]) in rehearsed_languages():
        chosen = options.mix or any(
            one is not None for one in (options.rehearse, options.near, options.blend, options.shrink)
        )
        if chosen or num_pairs < _MANY:
            return []
        return [
            f"{num_pairs:,} pairs could teach more than what is done against forgetting lets them; where the new text "
            "is all that counts, try --rehearse 0.5 --near 0 --blend 1 --learning-rate 0.003"
        ]
    if options.mix or options.rehearse == 0:
        return []
    return [
        f"there are no {language(pair[0]).name} sentences to rehearse, so much of what the parent knows will be "
        "forgotten; --mix with old pairs works against it"
    ]


def _base(code: str) -> str:
    """A language without its region or script: "en" for "en-GB"."""
    return code.partition("-")[0]


def kept(folder: Path, pair: tuple[str, str]) -> Corpus | None:
    """What is rehearsed in the run whose texts are in the folder; None where that is not known yet."""
    files = [folder / f"{_FILE}.{code}" for code in pair]
    return read_pair_files(*files) if all(file.exists() for file in files) else None


def keep(folder: Path, pair: tuple[str, str], corpus: Corpus) -> None:
    """Write it there, so that a run that goes on learns from the same."""
    files = [folder / f"{_FILE}.{code}" for code in pair]
    halves = [file.with_name(file.name + _HALF) for file in files]
    write_pair_files(corpus, *halves)
    for half, file in zip(halves, files, strict=True):
        half.replace(file)
