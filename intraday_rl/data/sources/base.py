"""The contract of a bar source: a frozen struct of parameters that loads one symbol's bars."""

from __future__ import annotations

from typing import Protocol

from intraday_rl.data.bars import Bars


class BarSource(Protocol):
    """Anything that loads bars; equal parameters load equal bars."""

    def load(self) -> Bars:
        """Return the bars on the full minute grid."""
        ...
