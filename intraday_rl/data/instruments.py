"""What is traded: the size of a price tick, the value of a point and the calendar."""

from __future__ import annotations

from dataclasses import dataclass

from intraday_rl.core import checks
from intraday_rl.core.errors import ParameterError


@dataclass(frozen=True)
class Instrument:
    """One tradable instrument.

    Attributes:
        name: symbol, such as SPY.
        tick_size: smallest price step, price units.
        multiplier: USD per price unit and unit of quantity (1 for shares, 5 for the Micro E-mini S&P 500).
        calendar: name of the exchange calendar, such as XNYS.
    """

    name: str
    tick_size: float
    multiplier: float
    calendar: str

    def check(self) -> None:
        """Refuse an instrument without name, calendar, tick or value.

        Raises:
            ParameterError: a field breaks its law.
        """
        for field in ("name", "calendar"):
            if not getattr(self, field):
                raise ParameterError(f"Instrument.{field} must not be empty, was {getattr(self, field)!r}")
        checks.positive("Instrument", "tick_size", self.tick_size, "price units")
        checks.positive("Instrument", "multiplier", self.multiplier, "USD per price unit")
