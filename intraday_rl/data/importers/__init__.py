"""Importers: bars, seconds and ticks in the formats of others become one-minute bars with the columns of `Bars`."""

from intraday_rl.data.importers.base import FORMATS, ImportedBars, ImportRequest

__all__ = ["FORMATS", "ImportRequest", "ImportedBars"]
