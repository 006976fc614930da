"""A step function that lets a search go only some ways: translations that begin as told, or say nothing twice.

The search itself does not know. It sees a decoder whose candidates are fewer; their log-probabilities stay those of
the network.

Axis letters: B sentences, K beam, M candidates per hypothesis, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Union

import numpy as np

from nmt.search.beam import State, Step, StepFunction
from nmt.tokenizer import EOS_ID


class Guide(Protocol):
    """What one hypothesis may do next. Immutable; None in its place stands for: anything."""

    def allowed(self, log_probs: np.ndarray) -> np.ndarray | None:
        """The ids that may come next, given the network's log-probabilities (V,); None: any, from now on."""

    def after(self, token: int) -> "Guide | None":
        """What the hypothesis may do once it has taken `token`."""

    @property
    def longest(self) -> int:
        """The greatest number of tokens until it may do anything."""

    def within(self, num_tokens: int) -> "Guide | None":
        """The guide where a translation has so many tokens at most, before EOS."""


Tree = dict[int, Union["Tree", None]]  # the tokens that may come, and what may follow each; None: anything


@dataclass(frozen=True, eq=False)
class Branch:
    """Goes on in one of several ways, and then in any.

    Attributes:
        ways: the tree of tokens.
        longest: its height.
    """

    ways: Tree
    longest: int

    def allowed(self, log_probs: np.ndarray) -> np.ndarray:
        """See `Guide`."""
        return np.fromiter(self.ways, dtype=np.int64, count=len(self.ways))

    def after(self, token: int) -> "Branch | None":
        """See `Guide`."""
        ways = self.ways.get(token)
        return Branch(ways, self.longest - 1) if ways else None

    def within(self, num_tokens: int) -> "Branch":
        """See `Guide`; `longest` has asked for all the room it needs."""
        return self


def branch(paths: Sequence[Sequence[int]]) -> Branch | None:
    """The guide to all that begins with one of `paths`; None where one of them is empty, so that anything does."""
    tree: Tree = {}
    for path in sorted(paths, key=len):
        if not path:
            return None
        ways = tree
        for token in path[:-1]:
            following = ways.setdefault(token, {})
            if following is None:  # a shorter path has said so already
                break
            ways = following
        else:
            ways[path[-1]] = None
    return Branch(tree, max(map(len, paths)))


@dataclass(frozen=True, eq=False)
class Loyalty:
    """Goes on as before for as long as the network finds that plausible: `ids`, and then anything.

    It lets go at the first token that is less probable than the most probable one by more than `margin` nats.
    """

    ids: tuple[int, ...]
    margin: float

    def allowed(self, log_probs: np.ndarray) -> np.ndarray | None:
        """See `Guide`."""
        if not self.ids or log_probs[self.ids[0]] < log_probs.max() - self.margin:
            return None
        return np.array(self.ids[:1])

    def after(self, token: int) -> "Loyalty | None":
        """See `Guide`."""
        return Loyalty(self.ids[1:], self.margin) if len(self.ids) > 1 else None

    @property
    def longest(self) -> int:
        """See `Guide`; what is kept counts like what is found, so it asks for no more room."""
        return 0

    def within(self, num_tokens: int) -> "Loyalty | None":
        """See `Guide`; what is longer could never end."""
        return Loyalty(self.ids[:num_tokens], self.margin) if num_tokens > 0 else None


class _SteeredState(NamedTuple):
    inner: State
    begun: bool
    guides: list[list[Guide | None]] | None  # (B, K); None: all hypotheses are free
    said: np.ndarray  # (B, K, t) the tokens of each hypothesis where repeats are forbidden, otherwise t = 0


class Steered:
    """The step function that keeps each sentence to its guide.

    Args:
        step: the decoder.
        guides: of each sentence; None where anything may come.
        no_repeat: no run of so many tokens comes twice, other than where a guide asks for it; 0: any may.
    """

    def __init__(self, step: StepFunction, guides: Sequence[Guide | None], no_repeat: int = 0):
        self._step, self._guides, self._no_repeat = step, guides, no_repeat

    def start(self, state: State) -> _SteeredState:
        """What the first call takes, made of what the decoder's own takes."""
        guides = [[guide] for guide in self._guides] if any(self._guides) else None
        return _SteeredState(state, False, guides, np.zeros((len(self._guides), 1, 0), dtype=np.int64))

    def __call__(
        self,
        tokens: np.ndarray,
        sentences: np.ndarray,
        parents: np.ndarray,
        state: _SteeredState,
        num_candidates: int,
        full: bool = False,
    ) -> Step:
        """See `nmt.search.beam.StepFunction`."""
        guides, said = self._followed(tokens, sentences, parents, state)
        banned = _repeats(said, self._no_repeat)
        if guides is None and not banned:
            # The decoder is called as a search without guides calls it.
            result = self._step(tokens, sentences, parents, state.inner, num_candidates, *([True] if full else []))
            return result._replace(state=_SteeredState(result.state, True, None, said))
        result = self._step(tokens, sentences, parents, state.inner, num_candidates, full=True)
        if result.all_log_probs is None:
            raise ValueError("steering needs a step function that hands out all log-probabilities")
        rows: dict[tuple[int, int], np.ndarray] = {}
        for place, ids in banned.items():
            rows[place] = result.all_log_probs[place].copy()
            rows[place][ids] = -np.inf
        for b, k in _guided(guides):
            log_probs = result.all_log_probs[b, k]
            allowed = guides[b][k].allowed(log_probs)  # type: ignore[index, union-attr]
            if allowed is None:
                guides[b][k] = None  # type: ignore[index]
                continue
            rows[b, k] = np.full_like(log_probs, -np.inf)
            rows[b, k][allowed] = log_probs[allowed]
        if not any(_guided(guides)):
            guides = None
        return _with_rows(result, rows)._replace(state=_SteeredState(result.state, True, guides, said))

    def _followed(
        self, tokens: np.ndarray, sentences: np.ndarray, parents: np.ndarray, state: _SteeredState
    ) -> tuple[list[list[Guide | None]] | None, np.ndarray]:
        """The guides (B, K) and the words so far (B, K, t) after these tokens."""
        if not state.begun:
            return state.guides, state.said
        said = state.said
        if self._no_repeat:
            said = np.concatenate([said[sentences[:, None], parents], tokens[:, :, None]], axis=2)
        if state.guides is None:
            return None, said
        guides: list[list[Guide | None]] = []
        for sentence, parent_row, token_row in zip(sentences, parents, tokens, strict=True):
            before = [state.guides[sentence][parent] for parent in parent_row]
            guides.append([g and g.after(int(token)) for g, token in zip(before, token_row, strict=True)])
        return (guides if any(_guided(guides)) else None), said


def _guided(guides: list[list[Guide | None]] | None) -> list[tuple[int, int]]:
    """The hypotheses that are not free."""
    return [(b, k) for b, row in enumerate(guides or ()) for k, guide in enumerate(row) if guide is not None]


def _repeats(said: np.ndarray, size: int) -> dict[tuple[int, int], np.ndarray]:
    """The tokens by which a hypothesis would say a run of `size` tokens again, where there are any."""
    length = said.shape[2]
    if not size or length < size:
        return {}
    # The runs of `size` - 1 tokens that something follows, and the last one, which is to be followed now.
    runs = np.lib.stride_tricks.sliding_window_view(said[:, :, :-1], size - 1, axis=2) if size > 1 else said[..., None]
    again = (runs == said[:, :, None, length - size + 1 :]).all(axis=3) if size > 1 else np.ones(said.shape, bool)
    found: dict[tuple[int, int], np.ndarray] = {}
    for b, k in np.argwhere(again.any(axis=2)).tolist():
        found[b, k] = said[b, k, np.flatnonzero(again[b, k]) + size - 1]
    return found


def _with_rows(result: Step, rows: Mapping[tuple[int, int], np.ndarray]) -> Step:
    """The step with these log-probabilities (V,) for some of its hypotheses."""
    ids, log_probs, ends = result.ids.copy(), result.log_probs.copy(), result.end_log_probs.copy()
    everything = np.array(result.all_log_probs)
    count = ids.shape[2]
    for place, values in rows.items():
        best = np.sort(np.argpartition(-values, count - 1)[:count])
        best = best[np.argsort(-values[best], kind="stable")]
        ids[place], log_probs[place], ends[place], everything[place] = best, values[best], values[EOS_ID], values
    return result._replace(ids=ids, log_probs=log_probs, end_log_probs=ends, all_log_probs=everything)
