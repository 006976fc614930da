"""The learning rate of each update."""

import math

from nmt.config import TrainingConfig

_LONGEST_WARMUP = 0.1  # of the run, which may have fewer updates than were thought


def learning_rate(options: TrainingConfig, update: int, share_done: float, num_reductions: int = 0) -> float:
    """A linear warm-up, and then what the schedule says. Of a run that ends by the clock it takes a tenth at most.

    Args:
        options: the schedule and its rates.
        update: number of the update, from 0.
        share_done: how much of the run lies behind, 0 to 1; the cosine goes by it.
        num_reductions: how often the dev score has stopped rising; a plateau goes by it.
    """
    warm = (update + 1) / options.warmup_updates
    if options.hours:
        warm = max(warm, share_done / _LONGEST_WARMUP)
    warm = min(1.0, warm)
    if options.schedule == "inverse_sqrt":
        # Vaswani et al. 2017, section 5.3, scaled so that the highest rate is the one asked for.
        return (
            warm * options.learning_rate * math.sqrt(options.warmup_updates / max(update + 1, options.warmup_updates))
        )
    if options.schedule == "plateau":
        lowest = min(options.learning_rate, options.final_learning_rate)
        return warm * max(lowest, options.learning_rate * options.plateau_factor**num_reductions)
    # Loshchilov & Hutter 2017, section 3, equation 5, with cycles of equal length.
    place = share_done * (options.restarts + 1)
    in_cycle = place - math.floor(place) if share_done < 1 else 1.0
    span = options.learning_rate - options.final_learning_rate
    return warm * (options.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * in_cycle)))
