"""Flicker, speed and quality of the translation of text that is being typed.

    python benchmarks/live.py DEV.en DEV.ja [--model en-ja] [--sentences 200] [--seed 0]

Sentences of a parallel text are typed one by one, word by word and character by character. Printed for each:

- normalised erasure (Arivazhagan et al. 2020, "Re-translation versus streaming for simultaneous translation",
  section 3.2): characters taken back per character of the final translation, of all that is shown and of the part that
  is said to be sure; beside it what translating each state from scratch would take back;
- how much of what is shown while a sentence is being typed is said to be sure;
- milliseconds of processor time for an update that has something to translate, on one thread: the median, the 95th
  percentile, and the median of the last one of sentences of about 15 words;
- the share of final translations that are the ones that `translate` gives, and the scores of both.
"""

import argparse
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nmt import LiveTranslator, Translator
from nmt.evaluation.metrics import corpus_scores

LONG = range(14, 17)  # words


@dataclass
class Figures:
    """What was seen while sentences were typed."""

    erased: int = 0
    erased_sure: int = 0
    shown: int = 0  # characters of all unfinished translations
    sure: int = 0  # of these
    milliseconds: list[float] = field(default_factory=list)
    milliseconds_long: list[float] = field(default_factory=list)
    finals: list[str] = field(default_factory=list)


def by_words(sentence: str) -> Iterator[str]:
    """What stands there after each word, with the space behind it."""
    words = sentence.split(" ")
    for number in range(1, len(words)):
        yield " ".join(words[:number]) + " "
    yield sentence


def by_characters(sentence: str) -> Iterator[str]:
    """What stands there after each key."""
    yield from itertools.accumulate(sentence)


def num_erased(before: str, after: str) -> int:
    """Characters at the end of a text that have to go for it to become another."""
    common = next((k for k, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    return len(before) - (min(len(before), len(after)) if common is None else common)


def type_live(translator: Translator, sentences: list[str], states: Callable[[str], Iterator[str]]) -> Figures:
    """Type the sentences into a live translator each."""
    seen = Figures()
    for sentence in sentences:
        live, shown, sure = LiveTranslator(translator), "", ""
        for state in states(sentence):
            start = time.thread_time()
            found = live.update(state)
            taken = 1e3 * (time.thread_time() - start)
            seen.erased += num_erased(shown, found.text)
            seen.erased_sure += num_erased(sure, found.text[: found.num_sure])
            if state != sentence:
                seen.shown += len(found.text)
                seen.sure += found.num_sure
            if found.text != shown or state == sentence:
                seen.milliseconds.append(taken)
            if state == sentence and len(sentence.split()) in LONG:
                seen.milliseconds_long.append(taken)
            shown, sure = found.text, found.text[: found.num_sure]
        seen.finals.append(shown)
    return seen


def erased_from_scratch(
    translator: Translator, sentences: list[str], states: Callable[[str], Iterator[str]]
) -> Figures:
    """What is taken back where each state is translated as if it were all there is."""
    seen = Figures()
    for sentence in sentences:
        translations = [one.text for one in translator.translate_batch(list(states(sentence)))]
        seen.erased += sum(num_erased(a, b) for a, b in itertools.pairwise(translations))
        seen.finals.append(translations[-1])
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--model", default="en-ja")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    pairs = list(
        zip(*(path.read_text(encoding="utf-8").splitlines() for path in (options.source, options.target)), strict=True)
    )
    pairs = random.Random(options.seed).sample(pairs, min(options.sentences, len(pairs)))
    sources, references = [source for source, _ in pairs], [target for _, target in pairs]
    translator = Translator.load(options.model, num_threads=1)
    language = translator.info.target_language
    plain = [one.text for one in translator.translate_batch(sources)]
    scratch = erased_from_scratch(translator, sources, by_words)  # of words: of letters it would be absurd
    for name, states in (("word by word", by_words), ("character by character", by_characters)):
        seen = type_live(translator, sources, states)
        length = sum(map(len, seen.finals))
        same = statistics.mean(a == b for a, b in zip(seen.finals, plain, strict=True))
        percentiles = statistics.quantiles(seen.milliseconds, n=20)
        print(f"{name}, {len(sources)} sentences")
        print(
            f"  normalised erasure: {seen.erased / length:.2f}, {seen.erased_sure / length:.2f} of what is sure, "
            f"{scratch.erased / sum(map(len, scratch.finals)):.2f} from scratch word by word"
        )
        print(f"  sure while typing: {seen.sure / max(seen.shown, 1):.0%} of what is shown")
        long = f"{statistics.median(seen.milliseconds_long):.1f}" if seen.milliseconds_long else "none of that length"
        print(
            f"  milliseconds: {statistics.median(seen.milliseconds):.1f} median, {percentiles[-1]:.1f} at 95 %, "
            f"{long} for the last update of about 15 words"
        )
        print(f"  final translations as by translate: {same:.1%}")
        for title, texts in (("live ", seen.finals), ("plain", plain)):
            scores = corpus_scores(texts, references, language)
            print(f"  {title}: " + ", ".join(f"{score.name} {score.value:.2f}" for score in scores))


if __name__ == "__main__":
    main()
