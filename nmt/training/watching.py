"""How good a network is while it is being trained: the dev part, translated by the real search and scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt import backend
from nmt.bundle import BundleConfig
from nmt.config import SearchConfig
from nmt.corpora.corpus import Corpus
from nmt.engines import Engine
from nmt.engines.keras import KerasEngine
from nmt.evaluation.metrics import Score, corpus_scores
from nmt.export import engine_of
from nmt.network.model import TranslationModel
from nmt.processors import num_processors
from nmt.search.beam import State, Step
from nmt.tokenizer import Tokenizer
from nmt.training.targets import Target, TargetEngine
from nmt.translator import Translator

_GREEDY = SearchConfig(beam_size=1)


class CurrentEngine:
    """A network as it was at the last `refresh`, by the engine that is fastest here.

    On a processor that is ONNX Runtime on graphs in float32, several times as fast as Keras; making them takes a third
    of a second.
    """

    def __init__(self, model: TranslationModel):
        self._model = model
        self._engine: Engine = KerasEngine(model)
        self._takes_graphs = not backend.has_gpu()

    @property
    def num_workers(self) -> int:
        """Batches that it can run at the same time."""
        return num_processors() if self._takes_graphs else 1

    def refresh(self) -> None:
        """Take over the weights as they are now."""
        if self._takes_graphs:
            self._engine = engine_of(self._model.config, self._model.named_weights(), "float32")

    def encode(self, sources: Sequence[Sequence[int]]) -> State:
        """See `Engine.encode`."""
        return self._engine.encode(sources)

    def step(self, *arguments: Any) -> Step:
        """See `Engine.step`."""
        return self._engine.step(*arguments)


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
        self._engine, count = CurrentEngine(model), max(1, num_sentences // len(configs))
        self._all = []
        for target, config in configs.items():
            part = dev[target.language]
            engine = TargetEngine(self._engine, target)
            translator = Translator(engine, *tokenizers, config, num_workers=self._engine.num_workers)
            self._all.append(_Watched(target.language, translator, Corpus(part.sources[:count], part.targets[:count])))

    def __len__(self) -> int:
        """Number of sentences."""
        return sum(len(one.dev) for one in self._all)

    def warm_up(self) -> None:
        """Make the graphs of the search, so that `scores` can be timed."""
        self._engine.refresh()
        self._all[0].translator.translate_batch(self._all[0].dev.sources[:1], _GREEDY)

    def scores(self) -> list[Score]:
        """BLEU and chrF of greedy translations; of several languages chrF on average first, then each language's."""
        self._engine.refresh()
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
        return corpus_scores(texts, one.dev.targets, one.language, with_ter=False)
