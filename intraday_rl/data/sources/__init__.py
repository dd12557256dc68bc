"""Where bars come from: files, a simulated market, and markets with a known answer."""

from intraday_rl.data.sources.base import BarSource
from intraday_rl.data.sources.files import HistoricalFiles
from intraday_rl.data.sources.known_answer import MartingaleMarket, OuMarket
from intraday_rl.data.sources.simulated import SimulatedMarket

__all__ = ["BarSource", "HistoricalFiles", "MartingaleMarket", "OuMarket", "SimulatedMarket"]
