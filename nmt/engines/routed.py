"""Two networks in one model: each sentence is translated by the one that learned its kind of text.

Each has its own vocabularies. The ids of a source say whose it is: those of the second network's pieces come after all
of the first one's. The ids of a translation are those of the network that writes it.

Axis letters: B sentences, K beam, S source, M candidates, V vocabulary.
"""

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.engines import Engine
from nmt.errors import BundleError
from nmt.search.beam import State, Step
from nmt.tokenizer import NUM_SPECIAL, PAD_ID, Tokenizer


@dataclass(frozen=True, eq=False)
class Router:
    """Tells by its pieces whether a sentence is of one kind of text rather than of another.

    It is linear in the counts of the pieces, like naive Bayes (McCallum & Nigam 1998) and logistic regression.

    Attributes:
        scores: (V,) float32, what each piece of the first network's source says for that kind, in nats.
        threshold: which their sum must exceed.
    """

    scores: np.ndarray
    threshold: float

    def takes(self, ids: Sequence[int]) -> bool:
        """Whether a sentence is of that kind; what has no pieces is not."""
        return self.score(ids) > self.threshold

    def score(self, ids: Sequence[int]) -> float:
        """What its pieces say together, in nats."""
        return float(self.scores[list(ids)].sum(dtype=np.float64))

    def dump(self) -> bytes:
        """The content of its file: the scores and, last, the threshold."""
        file = io.BytesIO()
        np.save(file, np.append(self.scores, self.threshold).astype(np.float32), allow_pickle=False)
        return file.getvalue()

    @classmethod
    def load(cls, path: Path, vocab_size: int) -> "Router":
        """Read such a file.

        Raises:
            BundleError: it is something else, or of another vocabulary.
        """
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(f"{path} is damaged: {error}") from None
        if not isinstance(values, np.ndarray) or values.shape != (vocab_size + 1,) or values.dtype != np.float32:
            raise BundleError(f"{path} is not of a vocabulary of {vocab_size:,} pieces")
        return cls(values[:-1], float(values[-1]))


class RoutedSource(Tokenizer):
    """Spells each sentence of the source for the network that will read it.

    Args:
        others: the tokenizer of the first network, for all sentences but those that the router takes.
        taken: that of the second, for those.
        router: which sentences these are, by the pieces of the first.
    """

    def __init__(self, others: Tokenizer, taken: Tokenizer, router: Router):
        super().__init__(others.model)
        self._others, self._taken, self._router = others, taken, router

    @property
    def model(self) -> bytes:
        """Both models: what two ensembles have to share."""
        return self._others.model + self._taken.model

    @property
    def vocab_size(self) -> int:
        """V of both together."""
        return self._others.vocab_size + self._taken.vocab_size

    def encode(self, text: str) -> list[int]:
        """See `Tokenizer.encode`."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Tokenizer.encode_batch`."""
        found = self._others.encode_batch(texts)
        places = [k for k, ids in enumerate(found) if self._router.takes(ids)]
        first = self._others.vocab_size
        for k, ids in zip(places, self._taken.encode_batch([texts[k] for k in places]), strict=True):
            found[k] = [i if i < NUM_SPECIAL else i + first for i in ids]
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        first = self._others.vocab_size
        if any(i >= first for i in ids):
            return self._taken.decode([i - first if i >= first else i for i in ids])
        return self._others.decode(ids)

    def log_prob(self, text: str) -> float:
        """See `Tokenizer.log_prob`; by the pieces of the first network."""
        return self._others.log_prob(text)

    @functools.cached_property
    def _table(self) -> list[str]:
        return [piece for one in (self._others, self._taken) for piece in one.pieces(range(one.vocab_size))]


@dataclass(frozen=True, eq=False)
class RoutedState:
    """Where B sentences stand.

    Attributes:
        networks: (B,) the number of each sentence's network.
        places: (B,) its row in the state of that network.
        states: of each network; None where no sentence is left to it.
        width: S of all sentences together; 0 before the first step.
    """

    networks: np.ndarray
    places: np.ndarray
    states: tuple[State | None, ...]
    width: int = 0


class RoutedEngine:
    """Gives each sentence to one of two networks; a batch may have sentences of both.

    Which one does not depend on the other sentences, so nothing that is found does.

    Args:
        others: the network of the sentences that the router does not take.
        taken: that of those that it does.
        targets: the tokenizers of what each of the two writes.
        first: the first id of a source that is the second's.
    """

    def __init__(self, others: Engine, taken: Engine, targets: tuple[Tokenizer, Tokenizer], first: int):
        self._engines, self._targets, self._first = (others, taken), targets, first
        self._vocab_size = max(target.vocab_size for target in targets)

    def target_of(self, source: Sequence[int]) -> Tokenizer:
        """The tokenizer of what the network of a sentence writes."""
        return self._targets[self._network(source)]

    def _network(self, source: Sequence[int]) -> int:
        return int(any(k >= self._first for k in source))

    def encode(self, sources: Sequence[Sequence[int]]) -> RoutedState:
        """See `Engine.encode`."""
        networks = np.array([self._network(ids) for ids in sources], dtype=np.int64)
        places, states = np.zeros(len(sources), dtype=np.int64), list[State | None]()
        for number, engine in enumerate(self._engines):
            rows = np.flatnonzero(networks == number)
            places[rows] = np.arange(len(rows))
            own = [[k - self._first if k >= self._first else k for k in sources[int(row)]] for row in rows]
            states.append(engine.encode(own) if own else None)
        return RoutedState(networks, places, tuple(states))

    def step(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: RoutedState,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.beam.StepFunction`; where V differs, the missing tokens are impossible."""
        networks, before = state.networks[sentences], state.places[sentences]
        places, states = np.zeros(len(sentences), dtype=np.int64), list[State | None]()
        parts: list[tuple[np.ndarray, Step]] = []
        for number, (engine, own) in enumerate(zip(self._engines, state.states, strict=True)):
            rows = np.flatnonzero(networks == number)
            if not rows.size:
                states.append(None)
                continue
            places[rows] = np.arange(len(rows))
            step = engine.step(tokens[rows], before[rows], parents[rows], own, num_candidates, full)
            parts.append((rows, step))
            states.append(step.state)
        # In the first step all sentences are there; later ones must be as wide, though the longest may have ended.
        width = state.width or max(step.attention.shape[2] for _, step in parts)
        return self._joined(parts, width)._replace(state=RoutedState(networks, places, tuple(states), width))

    def _joined(self, parts: Sequence[tuple[np.ndarray, Step]], width: int) -> Step:
        """One step of what was done for some rows each, with source positions up to `width`."""
        num_candidates = max(step.ids.shape[2] for _, step in parts)
        sizes = {"ids": (num_candidates, PAD_ID), "log_probs": (num_candidates, -np.inf), "attention": (width, 0.0)}
        sizes["all_log_probs"] = (self._vocab_size, -np.inf)
        order = np.argsort(np.concatenate([rows for rows, _ in parts]))

        def joined(name: str) -> np.ndarray:
            found = [getattr(step, name) for _, step in parts]
            if name in sizes:
                found = [_widened(values, *sizes[name]) for values in found]
            return found[0] if len(found) == 1 else np.concatenate(found)[order]

        return Step(
            ids=joined("ids"),
            log_probs=joined("log_probs"),
            end_log_probs=joined("end_log_probs"),
            attention=joined("attention"),
            state=None,
            all_log_probs=None if parts[0][1].all_log_probs is None else joined("all_log_probs"),
        )


def target_of(engine: Engine, source: Sequence[int], usual: Tokenizer) -> Tokenizer:
    """The tokenizer of what is written for a sentence.

    Args:
        engine: one network or two.
        source: ids of the sentence.
        usual: of the bundle.
    """
    return engine.target_of(source) if isinstance(engine, RoutedEngine) else usual


def _widened(values: np.ndarray, width: int, filling: float) -> np.ndarray:
    """With the last axis as long as `width`. (B, K, less) -> (B, K, width)"""
    missing = width - values.shape[2]
    return np.pad(values, ((0, 0), (0, 0), (0, missing)), constant_values=filling) if missing else values
