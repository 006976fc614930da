"""How much a model loses on text as people type it: chrF and BLEU on a test set and on noisy versions of it.

    python benchmarks/robustness.py en-ja CORPUS/test.en CORPUS/test.ja

Each kind of noise of `nmt.training.noise` is put into every sentence (misspelled: one word of each); "shouted" here is
the whole sentence in capitals. Greedy search, fixed seed.
"""

import argparse
from pathlib import Path

import numpy as np

from nmt import SearchConfig, Translator
from nmt.evaluation.metrics import corpus_scores
from nmt.training import noise

KINDS = {
    "clean": lambda text, rng: text,
    "no capitals": noise.lower_case,
    "no final mark": noise.no_final_mark,
    "no apostrophes": noise.no_apostrophe,
    "all three": noise.hasty,
    "a misspelled word": noise.misspelled,
    "a word in capitals": noise.shouted,
    "all in capitals": lambda text, rng: text.upper(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("source", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--beam-size", type=int, default=1)
    options = parser.parse_args()
    translator = Translator.load(options.model)
    sources, references = (
        path.read_text(encoding="utf-8").splitlines() for path in (options.source, options.reference)
    )
    config = SearchConfig(beam_size=options.beam_size)
    heads: list[str] = []
    for name, change in KINDS.items():
        rng = np.random.default_rng(1)
        noisy = [change(text, rng) for text in sources]
        texts = [one.text for one in translator.translate_batch(noisy, config)]
        if name == "all in capitals":  # answered in capitals, which is right, and compared without them
            texts, against = [text.lower() for text in texts], [text.lower() for text in references]
        else:
            against = references
        scores = corpus_scores(texts, against, translator.info.target_language, with_ter=False)
        if not heads:
            heads = [score.name for score in scores]
            print(f"| {options.model} | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
        print(f"| {name} | {' | '.join(f'{score.value:.1f}' for score in scores)} |", flush=True)


if __name__ == "__main__":
    main()
