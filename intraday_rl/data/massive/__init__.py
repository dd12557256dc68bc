"""Download of one-minute bars of US stocks from Massive (formerly Polygon) into a bar store."""

from intraday_rl.data.massive.collection import Collection
from intraday_rl.data.massive.download import Job, SymbolReport
from intraday_rl.data.massive.key import KEY_VARIABLES, ApiKey
from intraday_rl.data.massive.parameters import MassiveDownload

__all__ = ["KEY_VARIABLES", "ApiKey", "Collection", "Job", "MassiveDownload", "SymbolReport"]
