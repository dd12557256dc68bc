"""A reward term that is no number in chosen bars of an episode. It stays out of the tables until a test puts it in."""

import math
from typing import NamedTuple


class SpoiltPenalty(NamedTuple):
    """Nothing, but in the named bars of an episode (1 = the first; 0 = never) NaN or an infinity."""

    nan_bar: int
    plus_bar: int  # +infinity
    minus_bar: int  # -infinity


def spoilt_penalty(params, step, memory):
    """Return the term; memory: bars so far."""
    memory.first += 1.0
    if memory.first == params.nan_bar:
        return math.nan
    if memory.first == params.plus_bar:
        return math.inf
    return -math.inf if memory.first == params.minus_bar else 0.0
