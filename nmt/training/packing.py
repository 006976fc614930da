"""From trained weights to a finished bundle: serving graphs, scores and card."""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nmt import bundle, export, graphs
from nmt.bundle import BundleConfig
from nmt.card import model_card
from nmt.corpora.corpus import Corpus
from nmt.evaluation.metrics import Score, corpus_scores
from nmt.tokenizer import Tokenizer
from nmt.translating.loading import Network
from nmt.translator import Translator

_COMPARED = 2000  # sentences: on 500, chance alone moves the difference by 0.2 points


def pack(
    folder: Path,
    config: BundleConfig,
    weights: Mapping[str, np.ndarray],
    tokenizer_files: Mapping[str, Path],
    dev: Corpus,
    test: Corpus | None,
    facts: Mapping[str, str],
    lent: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a bundle, scored on the test part by the engine that will serve it.

    Its graphs are in 8 bits, or in float32 where 8 bits lose more than `export.TOLERANCE` on dev, and
    not by chance; the card says which.

    Args:
        folder: where to.
        config: of the bundle, without scores.
        weights: trained, by name.
        tokenizer_files: the SentencePiece models by their name in the bundle.
        dev: for the choice of the precision.
        test: for the scores; None leaves them out.
        facts: for the card, by label.
        lent: files of the network that is kept beside this one, by name.
    """
    files = {name: path.read_bytes() for name, path in tokenizer_files.items()}
    tokenizers = (Tokenizer(files[bundle.SOURCE_TOKENIZER]), Tokenizer(files[bundle.TARGET_TOKENIZER]))
    dev = Corpus(dev.sources[:_COMPARED], dev.targets[:_COMPARED])
    own = Network(config.model, tokenizers, {})
    costs = export.precision_costs(config, [own], [weights], dev)
    precision = "float32" if export.too_costly(costs) else "int8"
    compared = f"on {len(dev):,} sentences apart from the test part: {'; '.join(map(str, costs))}"
    facts = {**facts, "Serving graphs": f"{precision}; {compared}"}
    files |= graphs.build(config.model, weights, precision) | dict(lent or {})

    results: dict[str, list[Score]] = {}
    if test is not None:
        with tempfile.TemporaryDirectory() as temporary:
            translator = Translator.load(bundle.write(Path(temporary) / "bundle", config, files, weights, ""))
        greedy = dataclasses.replace(config.search, beam_size=1, num_alternatives=1)
        searches = {"greedy": greedy, f"beam {config.search.beam_size}": config.search}
        for name, search in searches.items():
            texts = [translation.text for translation in translator.translate_batch(test.sources, search)]
            with_ter = search is config.search  # it takes long
            results[name] = corpus_scores(texts, test.targets, config.target_language, with_ter=with_ter)
        config = dataclasses.replace(config, scores={s.name: round(s.value, 2) for s in list(results.values())[-1]})
    card = model_card(config, sum(values.size for values in weights.values()), results, facts)
    return bundle.write(folder, config, files, weights, card)
