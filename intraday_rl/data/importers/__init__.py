"""Importers: bars, seconds and ticks in the formats of others become one-minute bars with the columns of `Bars`."""

from intraday_rl.data.importers.base import FORMATS, ImportedBars, ImportRequest
from intraday_rl.data.importers.dispatch import import_bars

__all__ = ["FORMATS", "ImportRequest", "ImportedBars", "import_bars"]
