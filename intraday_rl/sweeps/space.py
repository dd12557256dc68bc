"""The dimensions of a search space: a choice among values, or an interval of numbers.

Conventions: a dimension is named by the key that it sets. Values are plain: numbers, texts, true, false and null, which
is what a study's storage can keep. `override` writes a value as an argument of a command line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from intraday_rl.core.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = float | int | str | bool | None
BARE = re.compile(r"[A-Za-z_][\w./-]*")  # a text that needs no quotes
ESCAPED = re.compile(r'(\\*)("|\Z)')  # a backslash means something before a quote alone
GOLDEN = 0.381966  # a share of an interval that is no round number
WORDS = ("true", "false", "null", "nan", "inf")  # texts that would be read as something else


class Choice(NamedTuple):
    """One of several values, in no order."""

    key: str
    values: tuple[Value, ...]

    def check(self) -> None:
        """Refuse a choice of nothing, and values that occur twice."""
        if not self.values:
            raise ConfigError(f"{self.key}: a choice needs values")
        if len(set(self.values)) < len(self.values):  # a storage does not tell 1, 1.0 and true apart either
            raise ConfigError(f"{self.key}: every value of a choice must differ, was {override_list(self.values)}")

    def distribution(self) -> BaseDistribution:
        """Return the same in Optuna's terms."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)

    def ends(self) -> tuple[Value, ...]:
        """Return values which, if they are allowed, leave no other to check."""
        return self.values


class Interval(NamedTuple):
    """A number between two, both included."""

    key: str
    low: float
    high: float
    is_integer: bool
    is_log: bool  # drawn evenly in the logarithm
    step: float | None

    def check(self) -> None:
        """Refuse an empty interval, and a logarithm of what is not positive."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ConfigError(f"{self.key}: an interval needs low < high, was {self.low:g} and {self.high:g}")
        if self.is_log and self.low <= 0:
            raise ConfigError(f"{self.key}: a logarithmic interval must be > 0, was {self.low:g}")
        if self.is_log and self.step is not None:
            raise ConfigError(f"{self.key}: an interval has steps or a logarithm, not both")

    def distribution(self) -> BaseDistribution:
        """Return the same in Optuna's terms."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.is_integer:
            return IntDistribution(int(self.low), int(self.high), log=self.is_log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.is_log, step=self.step)

    def ends(self) -> tuple[Value, ...]:
        """Return values which, if they are allowed, leave no other to check: the ends, and one between for its kind."""
        if self.is_integer:
            return int(self.low), int(self.high)
        between = self.low + (self.step or GOLDEN * (self.high - self.low))
        return self.low, between, self.high


Dimension = Choice | Interval


def override(key: str, value: Value) -> str:
    """Return the argument that sets the key to the value."""
    return f"{key}={text_of(value)}"


def text_of(value: Value) -> str:
    """Return the value as Hydra and YAML read it; a text in quotes where it needs them."""
    if isinstance(value, str):
        return value if BARE.fullmatch(value) and value.lower() not in WORDS else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    escaped = ESCAPED.sub(lambda match: 2 * match[1] + ('\\"' if match[2] else ""), text)
    return f'"{escaped}"'


def override_list(values: Sequence[Value]) -> str:
    """Return values as a list for a message."""
    return ", ".join(text_of(value) for value in values)
