"""Hydra's sweep syntax as dimensions of a search space: `choice(a,b)`, `1,2,3`, `interval(0,1)`, `range(1,9,2)`.

Conventions: `tag(log,interval(…))` is drawn evenly in the logarithm, `int(interval(…))` gives whole numbers.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, QuotedString, RangeSweep

from intraday_rl.app.command_line.overrides import parse, values_of
from intraday_rl.core.errors import ConfigError
from intraday_rl.sweeps.space import Choice, Dimension, Interval, Value

LOG = "log"  # tag of an interval


def read_dimension(key: str, text: str) -> Dimension:
    """Return the dimension that a line of `hparams.space` describes.

    Raises:
        ConfigError: it is no sweep.
    """
    override = parse([f"{key}={text}"])[0]
    if not override.is_sweep_override():
        raise ConfigError(f"hparams.space: {key} must be choice(…), interval(…) or range(…), was {text!r}")
    return dimension_of(override)


def dimension_of(override: Override) -> Dimension:
    """Return the dimension that an override with several values describes.

    Raises:
        ConfigError: its values cannot be searched.
    """
    key = override.get_key_element()
    sweep: Any = override.value()
    if isinstance(sweep, IntervalSweep):
        dimension: Dimension = _interval(key, sweep)
    elif isinstance(sweep, RangeSweep):
        dimension = _range(key, sweep)
    elif isinstance(sweep, Glob):
        dimension = Choice(key, tuple(values_of(override)))
    else:
        assert isinstance(sweep, ChoiceSweep)
        dimension = Choice(key, tuple(_plain(key, value) for value in sweep.list))
    dimension.check()
    return dimension


def _interval(key: str, sweep: Any) -> Interval:
    unknown = sorted(set(sweep.tags) - {LOG})
    if unknown:
        raise ConfigError(f"{key}: an interval may have the tag {LOG}, was {', '.join(unknown)}")
    low, high = sweep.start, sweep.end
    return Interval(key, float(low), float(high), isinstance(low, int), LOG in sweep.tags, None)


def _range(key: str, sweep: RangeSweep) -> Dimension:
    if sweep.tags:
        raise ConfigError(f"{key}: a range has no tags, was {', '.join(sorted(sweep.tags))}; take interval(…)")
    first, stop, step = (Decimal(str(number)) for number in (sweep.start, sweep.stop, sweep.step))
    last = first + step * (math.ceil((stop - first) / step) - 1)  # in decimals: the sum of many 0.1 is no round number
    if first == last or (stop - first) * step <= 0:
        raise ConfigError(f"{key}: a range needs two values or more")
    is_integer = all(isinstance(number, int) for number in (sweep.start, sweep.stop, sweep.step))
    return Interval(key, float(min(first, last)), float(max(first, last)), is_integer, False, float(abs(step)))


def _plain(key: str, value: Any) -> Value:
    if isinstance(value, QuotedString):
        return value.text
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ConfigError(f"{key}: a value of a choice must be a number, a text, true, false or null, was {value!r}")
