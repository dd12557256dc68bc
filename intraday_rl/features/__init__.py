"""Causal features of minute bars: one streaming pass for history and live."""

from intraday_rl.features.base import FeatureSpec, FeatureTable
from intraday_rl.features.fitted.seasons import NextSession
from intraday_rl.features.library import (
    FAMILIES,
    CrossAsset,
    Extra,
    KnownState,
    Microstructure,
    Momentum,
    Regime,
    RegimeDetector,
    Volatility,
)
from intraday_rl.features.library.regime_detector import REGIMES, regime_codes
from intraday_rl.features.pipeline import FeaturePipeline, compute_features
from intraday_rl.features.presets import PRESETS
from intraday_rl.features.references import References
from intraday_rl.features.stream import FeatureStream, MinuteBar, ReferenceMinute

__all__ = [
    "FAMILIES",
    "PRESETS",
    "REGIMES",
    "CrossAsset",
    "Extra",
    "FeaturePipeline",
    "FeatureSpec",
    "FeatureStream",
    "FeatureTable",
    "KnownState",
    "Microstructure",
    "MinuteBar",
    "Momentum",
    "NextSession",
    "ReferenceMinute",
    "References",
    "Regime",
    "RegimeDetector",
    "Volatility",
    "compute_features",
    "regime_codes",
]
