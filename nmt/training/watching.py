"""How good a network is while it is being trained: the dev part, translated by the real search and scored."""

from collections.abc import Mapping
from dataclasses import dataclass

from nmt.bundle import BundleConfig
from nmt.config import SearchConfig
from nmt.corpora.corpus import Corpus
from nmt.engines.keras import KerasEngine
from nmt.evaluation.metrics import Score, corpus_scores
from nmt.network.model import TranslationModel
from nmt.tokenizer import Tokenizer
from nmt.training.targets import Target, TargetEngine
from nmt.translator import Translator

_GREEDY = SearchConfig(beam_size=1)


@dataclass(frozen=True, eq=False)
class _Watched:
    """A target language: the translator into it, and what it is to translate."""

    language: str
    translator: Translator
    dev: Corpus


class Watch:
    """Scores a network as it is now, in each of its target languages.

    Args:
        model: the network, which may be trained between two calls of `scores`.
        tokenizers: source and target.
        configs: what its bundle would be, for each target.
        dev: sentences and references by target language.
        num_sentences: at most so many, all languages together.
    """

    def __init__(
        self,
        model: TranslationModel,
        tokenizers: tuple[Tokenizer, Tokenizer],
        configs: Mapping[Target, BundleConfig],
        dev: Mapping[str, Corpus],
        num_sentences: int,
    ):
        engine, count = KerasEngine(model), max(1, num_sentences // len(configs))
        self._all = []
        for target, config in configs.items():
            part = dev[target.language]
            translator = Translator(TargetEngine(engine, target), *tokenizers, config)
            self._all.append(_Watched(target.language, translator, Corpus(part.sources[:count], part.targets[:count])))

    def __len__(self) -> int:
        """Number of sentences."""
        return sum(len(one.dev) for one in self._all)

    def warm_up(self) -> None:
        """Make the graphs of the search, so that `scores` can be timed."""
        self._all[0].translator.translate_batch(self._all[0].dev.sources[:1], _GREEDY)

    def scores(self) -> list[Score]:
        """BLEU and chrF of greedy translations; of several languages chrF on average first, then each language's."""
        found = [self._scores(one) for one in self._all]
        if len(found) == 1:
            return found[0]
        chrf = [score for scores in found for score in scores if score.name == "chrF"]
        mean = Score("chrF", sum(score.value for score in chrf) / len(chrf), chrf[0].signature)
        named = [
            Score(f"{one.language} {score.name}", score.value, score.signature)
            for one, scores in zip(self._all, found, strict=True)
            for score in scores
        ]
        return [mean, *named]

    def _scores(self, one: _Watched) -> list[Score]:
        texts = [translation.text for translation in one.translator.translate_batch(one.dev.sources, _GREEDY)]
        return [score for score in corpus_scores(texts, one.dev.targets, one.language) if score.name != "TER"]
