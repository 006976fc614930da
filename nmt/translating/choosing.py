"""What else could stand at a place in a translation.

Axis letters: P beginnings, V vocabulary.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from nmt.config import SearchConfig
from nmt.engines import Engine
from nmt.search.steering import branch
from nmt.tokenizer import BOS_ID, EOS_ID
from nmt.translating.drafts import Task
from nmt.translating.opening import Opening
from nmt.translating.sentences import SentenceTranslator
from nmt.translating.spelling import SPACE
from nmt.translation import Alternative, Choice

_TRIED = 2  # first tokens tried for each word wanted: several may begin the same one
_LEAST_PROBABILITY = 1e-3  # of a first token worth trying
_CONTINUES = tuple(f"<0x{byte:02X}>" for byte in range(0x80, 0xC0))  # bytes inside a character


def choose(
    sentences: SentenceTranslator, task: Task, begin: Opening, num_choices: int, config: SearchConfig, uses_spaces: bool
) -> tuple[Choice, ...]:
    """The most probable words behind an opening, each with the best translation that has it there, best first.

    Args:
        sentences: of the model.
        task: the sentence.
        begin: what stands before the word.
        num_choices: at most so many words.
        config: how to search; one alternative each.
        uses_spaces: whether spaces part the words of the target language.
    """
    candidates = _candidates(sentences, task, begin, _TRIED * num_choices)
    task = dataclasses.replace(task, opening=begin, terms=(), check=False)  # what is asked for, however it looks
    config = dataclasses.replace(config, num_alternatives=1)
    found = sentences.fulfil([task] * len(candidates), config, [branch([path]) for path, _ in candidates])
    words: dict[str, Choice] = {}
    for (path, probability), sentence in zip(candidates, found, strict=True):
        best = sentence.alternatives[0]
        word = _next_word(best, len(begin.text))
        if word:
            chance = probability * _rest_of_word(best, len(path), uses_spaces)
            known = words.get(word)
            # The same word in another spelling: the more probable one has the better text.
            text = known.text if known and known.probability >= chance else best.text
            words[word] = Choice(word, text, min(1.0, chance + (known.probability if known else 0.0)))
    return tuple(sorted(words.values(), key=lambda choice: -choice.probability)[:num_choices])


def _candidates(
    sentences: SentenceTranslator, task: Task, begin: Opening, count: int
) -> list[tuple[tuple[int, ...], float]]:
    """The most probable token sequences up to the first token behind the opening, with their probabilities."""
    beginnings = list(begin.ways)
    rows = _followers(sentences.searcher.engine, task.ids, beginnings)
    for beginning, row in zip(beginnings, rows, strict=True):
        allowed = begin.ways[beginning]
        if allowed is not None:
            others = np.ones(len(row), dtype=bool)
            others[list(allowed)] = False
            row[others] = -np.inf
    table = np.array(rows)
    shares = np.exp(table - table.max())
    shares /= shares.sum()
    shares[:, EOS_ID] = 0  # the end is no word
    best = np.argsort(-shares, axis=None, kind="stable")[:count]
    places = [divmod(int(place), table.shape[1]) for place in best]
    return [((*beginnings[p], k), float(shares[p, k])) for p, k in places if shares[p, k] >= _LEAST_PROBABILITY]


def _followers(engine: Engine, source: list[int], beginnings: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Log-probability of each beginning followed by each token. -> P times float64 (V,)"""
    order = sorted(range(len(beginnings)), key=lambda p: len(beginnings[p]), reverse=True)  # short ones drop out first
    found: list[np.ndarray] = [np.zeros(0)] * len(beginnings)
    totals = np.zeros(len(order))
    state = engine.encode([source] * len(order))
    tokens = np.full((len(order), 1), BOS_ID)
    for t in range(len(beginnings[order[0]]) + 1):
        live = np.arange(sum(len(ids) >= t for ids in beginnings))
        step = engine.step(tokens[live], live, np.zeros((len(live), 1), dtype=np.int64), state, 1, full=True)
        if step.all_log_probs is None:
            raise TypeError("the engine does not hand out all log-probabilities")
        state, tokens = step.state, tokens[live]
        for row in live:
            ids, log_probs = beginnings[order[row]], step.all_log_probs[row, 0].astype(np.float64)
            if len(ids) == t:
                found[order[row]] = totals[row] + log_probs
            else:
                totals[row] += log_probs[ids[t]]
                tokens[row] = ids[t]
    return found


def _next_word(best: Alternative, place: int) -> str:
    """The word, or the rest of one, behind a place in a translation; nothing at its end."""
    word = next((word for word in best.words if word.end > place), None)
    return best.text[max(word.start, place) : word.end] if word else ""


def _rest_of_word(best: Alternative, first: int, uses_spaces: bool) -> float:
    """The probability of the tokens from `first` on that belong to the same word as the one before."""
    log_prob = 0.0
    for token, value in zip(best.tokens[first:], best.log_probs[first:], strict=True):
        if (uses_spaces and token.startswith(SPACE)) or (not uses_spaces and token not in _CONTINUES):
            break
        log_prob += value
    return math.exp(log_prob)
