"""Agents: parameters, trainers, callbacks and the bundles that keep a trained policy."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Import `load_bundle` when it is asked for: reading parameters must not import torch."""
    if name == "load_bundle":
        from intraday_rl.agents.bundle_reading import load_bundle

        return load_bundle
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
