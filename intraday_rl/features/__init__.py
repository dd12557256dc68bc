"""Causal features of minute bars: one streaming pass for history and live."""

from intraday_rl.features.base import FeatureSpec, FeatureTable
from intraday_rl.features.library import FAMILIES, KnownState, Microstructure, Momentum, Regime, Volatility
from intraday_rl.features.pipeline import FeaturePipeline, compute_features
from intraday_rl.features.presets import PRESETS
from intraday_rl.features.stream import FeatureStream, MinuteBar

__all__ = [
    "FAMILIES",
    "PRESETS",
    "FeaturePipeline",
    "FeatureSpec",
    "FeatureStream",
    "FeatureTable",
    "KnownState",
    "Microstructure",
    "MinuteBar",
    "Momentum",
    "Regime",
    "Volatility",
    "compute_features",
]
