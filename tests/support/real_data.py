"""Real market data for tests: found through INTRADAY_RL_DATA, skipped with one counted line when absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def data_folder() -> Path:
    """Return the folder of real market data, or skip the calling test."""
    folder = Path(os.environ.get("INTRADAY_RL_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("real market data are absent (set INTRADAY_RL_DATA)")
    return folder
