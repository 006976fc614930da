"""What a network of this project reaches on Multi30k (Elliott et al. 2016), which has published scores.

    python benchmarks/multi30k.py multi30k/en-de --pair en-de --out WORK
    python benchmarks/multi30k.py multi30k/en-de --pair en-de --out WORK --test test_2016_flickr   # once, at the end
    python benchmarks/multi30k.py multi30k/en-de --pair en-de --out WORK --parent en-de            # from another model

The folder holds train, dev and test_2016_flickr, such as train.en and train.de. All is lower-cased, as in the published
figures. With `--parent` that model learns on, as one network that may forget; it reads and writes capitals, and its
translations are lower-cased to be scored. It has learned from other text before, which those of the papers have not.
Scores are given twice: by sacreBLEU's own tokenizer, and on text that Moses has tokenized (`pip install sacremoses`),
which is what the papers report. What was trained on Multi30k must not be shipped: its images are for research only.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from nmt import FinetuningConfig, TranslationOptions, Translator, finetune
from nmt.corpora.corpus import Corpus, read_corpus, write_pair_files
from nmt.training.trainer import train

RECIPE = """
name = "multi30k-{pair}"
source_language = "{source}"
target_language = "{target}"
licence = "not to be shipped"
data_credit = "Multi30k"

[data]
train = "data/train"
dev = "data/dev"
source_vocab_size = {vocabulary}
target_vocab_size = {vocabulary}
max_tokens = 80

[model]
embedding_dim = {embedding_dim}
encoder_layers = 2
encoder_units = {encoder_units}
decoder_layers = 2
decoder_units = {decoder_units}
attention_dim = 256
lexical = true
dropout = {dropout}
word_dropout = {word_dropout}
weight_drop = {weight_drop}

[training]
batch_tokens = {batch_tokens}
hours = {hours}
updates = 1000000
updates_per_round = 500
learning_rate = {learning_rate}
warmup_updates = 400
final_learning_rate = 5e-5
label_smoothing = 0.1
ema = 0.999
subword_sampling = "{subword_sampling}"
patience = 100
dev_sentences = 1014
seed = {seed}
"""


def lowered(place: Path, pair: list[str]) -> Corpus:
    """A part of the corpus in lower case."""
    corpus = read_corpus(place, *pair)
    return Corpus([text.lower() for text in corpus.sources], [text.lower() for text in corpus.targets])


def learned(options: argparse.Namespace, pair: list[str]) -> Translator:
    """What learns from Multi30k alone, in lower case."""
    (options.out / "data").mkdir(parents=True, exist_ok=True)
    for part in ("train", "dev"):
        files = (options.out / "data" / f"{part}.{code}" for code in pair)
        write_pair_files(lowered(options.corpus / part, pair), *files)
    recipe = options.out / "recipe.toml"
    recipe.write_text(RECIPE.format(**vars(options) | dict(source=pair[0], target=pair[1])), encoding="utf-8")
    return Translator.load(train(recipe, output=options.out / "run"))


def continued(options: argparse.Namespace) -> Translator:
    """What another model becomes."""
    chosen = FinetuningConfig(
        parent=options.parent,
        dev=str(options.corpus / "dev"),
        test_size=0,
        licence="not to be shipped",
        data_credit="Multi30k",
        route="no",
        near=0.0,
        blend=1.0,
        rehearse=0.0,
        source_noise=0.0,
        target_vocabulary="extend",
        minutes=60 * options.hours,
        updates=50_000,
        patience=20,
        **{
            name: getattr(options, name)
            for name in ("learning_rate", "batch_tokens", "dropout", "word_dropout", "shrink", "seed")
        },
    )
    return Translator.load(finetune(options.corpus / "train", options.out / "run", chosen).folder)


def scores(texts: Sequence[str], references: Sequence[str], language: str) -> dict[str, str]:
    """BLEU by sacreBLEU's tokenizer and on text that Moses has tokenized, with their signatures, and chrF."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacremoses import MosesTokenizer

    moses = MosesTokenizer(lang=language)
    tokenized = [[moses.tokenize(text, return_str=True) for text in side] for side in (texts, references)]
    found = {}
    for name, metric, (ours, theirs) in (
        ("BLEU 13a", BLEU(), (texts, references)),
        ("BLEU Moses", BLEU(tokenize="none", force=True), tokenized),
        ("chrF", CHRF(), (texts, references)),
    ):
        found[name] = f"{metric.corpus_score(ours, [theirs]).score:.2f}  {metric.get_signature()}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--pair", required=True)
    parser.add_argument("--hours", type=float, default=0.75)
    parser.add_argument("--vocabulary", type=int, default=4000)
    parser.add_argument("--embedding-dim", type=int, default=160)
    parser.add_argument("--encoder-units", type=int, default=192)
    parser.add_argument("--decoder-units", type=int, default=256)
    parser.add_argument("--batch-tokens", type=int, default=1000)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--word-dropout", type=float, default=0.1)
    parser.add_argument("--shrink", type=float, help="with --parent: factor of its weight matrices at the start")
    parser.add_argument("--weight-drop", type=float, default=0.0)
    parser.add_argument("--subword-sampling", default="none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parent", default="", help="model that learns on instead of a new one")
    parser.add_argument("--test", default="dev", help="the part to score: dev while tuning (default)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pair = options.pair.split("-")
    options.out.mkdir(parents=True, exist_ok=True)
    translator = continued(options) if options.parent else learned(options, pair)
    test = lowered(options.corpus / options.test, pair)
    sources = read_corpus(options.corpus / options.test, *pair).sources if options.parent else test.sources
    for beam in (1, 5):
        search = dataclasses.replace(translator.search, beam_size=beam)
        found = translator.translate_batch(sources, search, TranslationOptions(spelling=False, check=False))
        for name, said in scores([one.text.lower() for one in found], test.targets, pair[1]).items():
            print(f"{options.test}, beam {beam}: {name} {said}", flush=True)


if __name__ == "__main__":
    main()
