"""The families of features, one file each."""

from intraday_rl.features.library import (
    cross_asset,
    extra,
    known_state,
    microstructure,
    momentum,
    regime,
    regime_detector,
    volatility,
)
from intraday_rl.features.library.cross_asset import CrossAsset
from intraday_rl.features.library.extra import Extra
from intraday_rl.features.library.known_state import KnownState
from intraday_rl.features.library.microstructure import Microstructure
from intraday_rl.features.library.momentum import Momentum
from intraday_rl.features.library.regime import Regime
from intraday_rl.features.library.regime_detector import RegimeDetector
from intraday_rl.features.library.volatility import Volatility

MARKET_FAMILIES = (microstructure.FAMILY, momentum.FAMILY, volatility.FAMILY, regime.FAMILY)
FAMILIES = (*MARKET_FAMILIES, extra.FAMILY, cross_asset.FAMILY, regime_detector.FAMILY, known_state.FAMILY)

__all__ = [
    "FAMILIES",
    "MARKET_FAMILIES",
    "CrossAsset",
    "Extra",
    "KnownState",
    "Microstructure",
    "Momentum",
    "Regime",
    "RegimeDetector",
    "Volatility",
]
