"""Fixtures of the feature tests."""

import pytest


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Keep GARCH fits in an empty folder of this test."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    return tmp_path / "intraday_rl" / "garch"
