"""Two networks in one model: each sentence is translated by the one that learned its kind of text.

Axis letters: B sentences, K beam, S source, M candidates, V vocabulary.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.engines import Engine
from nmt.errors import BundleError
from nmt.search.beam import State, Step
from nmt.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class Router:
    """Tells by its pieces whether a sentence is of one kind of text rather than of another.

    It is a multinomial naive Bayes classifier (McCallum & Nigam 1998): how much likelier a unigram model of the one
    kind holds the sentence than one of the other.

    Attributes:
        scores: (V,) float32, what each piece of the source says for that kind, in nats.
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
        others: the network of all sentences but those that the router takes.
        taken: that of those. Both have the same vocabularies.
        router: which sentences these are.
        others_target: the tokenizer of the target that the first has learned to write with, where the other has more
            pieces; the ids of what both have are the same.
    """

    def __init__(self, others: Engine, taken: Engine, router: Router, others_target: Tokenizer | None = None):
        self._engines, self._router, self._others_target = (others, taken), router, others_target

    def target_of(self, source: Sequence[int]) -> Tokenizer | None:
        """The tokenizer with which the translation of a source is to be spelled; None: that of the bundle."""
        return None if self._router.takes(source) else self._others_target

    def encode(self, sources: Sequence[Sequence[int]]) -> RoutedState:
        """See `Engine.encode`."""
        networks = np.array([self._router.takes(ids) for ids in sources], dtype=np.int64)
        places, states = np.zeros(len(sources), dtype=np.int64), list[State | None]()
        for number, engine in enumerate(self._engines):
            rows = np.flatnonzero(networks == number)
            places[rows] = np.arange(len(rows))
            states.append(engine.encode([sources[int(row)] for row in rows]) if rows.size else None)
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
        """See `nmt.search.beam.StepFunction`."""
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
        return _joined(parts, width)._replace(state=RoutedState(networks, places, tuple(states), width))


def target_of(engine: Engine, source: Sequence[int], usual: Tokenizer) -> Tokenizer:
    """The tokenizer that knows how the network of a sentence spells the target language.

    Args:
        engine: one network or two.
        source: ids of the sentence.
        usual: the tokenizer of the bundle.
    """
    found = engine.target_of(source) if isinstance(engine, RoutedEngine) else None
    return found or usual


def _joined(parts: Sequence[tuple[np.ndarray, Step]], width: int) -> Step:
    """One step of what was done for some rows each, with source positions up to `width`."""
    parts = [(rows, step._replace(attention=_widened(step.attention, width))) for rows, step in parts]
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(step, name) for _, step in parts])[order]

    has_all = all(step.all_log_probs is not None for _, step in parts)
    return Step(
        ids=joined("ids"),
        log_probs=joined("log_probs"),
        end_log_probs=joined("end_log_probs"),
        attention=joined("attention"),
        state=None,
        all_log_probs=joined("all_log_probs") if has_all else None,
    )


def _widened(attention: np.ndarray, width: int) -> np.ndarray:
    missing = width - attention.shape[2]
    return np.pad(attention, ((0, 0), (0, 0), (0, missing))) if missing > 0 else attention
