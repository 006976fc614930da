"""Where tags, emoji and other spans that the model has not seen go in its translation.

Axis letters: T target tokens, S source tokens.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from nmt.text.masking import Masked
from nmt.text.reading import Edit, Reading, boundaries


def place_loose(masked: Masked, reading: Reading, edits: Sequence[Edit], uses_spaces: bool) -> list[Edit]:
    """The spans that were no words, as insertions between those `edits`.

    A pair of tags goes around the tokens that read most from between them, in the pair around it and beside those
    within that; any other span to where the fewest tokens before it read from behind it and the other way round.
    """
    found: list[Edit] = []
    ranges: dict[int, tuple[int, int]] = {}  # of each opening tag, the tokens from one on and before another
    for k, slot in enumerate(masked.slots):
        if slot.end > slot.start or 0 <= slot.partner < k:
            continue
        if slot.partner > k:
            ranges[k] = _pair(masked, reading, k, boundaries(reading, edits, uses_spaces), ranges)
            found += _around(masked, reading, k, *ranges[k])
        else:
            free = boundaries(reading, edits, uses_spaces and any(slot.spaces))
            place = reading.bounds[_fewest_crossings(reading, reading.columns[k][0], free)]
            found.append(Edit(place, place, slot.span.text, rank=1, order=k, slot=slot))
    return found


def _fewest_crossings(reading: Reading, column: int, free: Sequence[int]) -> int:
    """The boundary that parts best what was read before a source token from what was read from it on."""
    behind = reading.attention[:, column:].sum(1)
    before = reading.attention[:, :column].sum(1)
    # Cost of boundary t: tokens before t that read behind, and tokens from t on that read before. -> (T + 1,)
    costs = np.concatenate([[0.0], np.cumsum(behind)]) + np.concatenate([np.cumsum(before[::-1])[::-1], [0.0]])
    return min(free, key=lambda t: (float(costs[t]), t))


def _pair(
    masked: Masked, reading: Reading, k: int, free: Sequence[int], ranges: dict[int, tuple[int, int]]
) -> tuple[int, int]:
    """The tokens that the pair opened by slot k goes around."""
    num_tokens = len(reading.bounds) - 1
    closing = masked.slots[k].partner
    around = [other for other in ranges if masked.slots[other].partner > closing]
    beside = [other for other in ranges if masked.slots[other].partner < k]
    low = max((ranges[other][0] for other in around), default=0)
    high = min((ranges[other][1] for other in around), default=num_tokens)
    first, last = reading.columns[k][0], reading.columns[closing][0]
    read = reading.attention[:, first:last].sum(1)
    gain = read - max(float(read.mean()), float(read.max()) / 2) if num_tokens else read
    sums = np.concatenate([[0.0], np.cumsum(gain)])
    best = (0.0, high, high)
    for start in free:
        for end in free:
            if not low <= start < end <= high:
                continue
            if any(start < ranges[other][1] and ranges[other][0] < end for other in beside):
                continue
            value = float(sums[end] - sums[start])
            if best[1] == best[2] or value > best[0]:
                best = (value, start, end)
    return best[1], best[2]


def _around(masked: Masked, reading: Reading, k: int, start: int, end: int) -> Iterator[Edit]:
    opening, closing = masked.slots[k], masked.slots[masked.slots[k].partner]
    low, high = reading.bounds[start], reading.bounds[end]
    if low == high:  # no token is left for this pair
        yield Edit(low, low, opening.span.text + closing.span.text, rank=1, order=k)
        return
    yield Edit(low, low, opening.span.text, rank=2, order=k, slot=opening)
    yield Edit(high, high, closing.span.text, rank=0, order=-k, slot=closing)
