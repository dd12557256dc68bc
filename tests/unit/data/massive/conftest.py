"""A local service, and what it takes to download from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from intraday_rl.data import exchange_sessions
from intraday_rl.data.massive import ApiKey, Collection, Job, MassiveDownload
from intraday_rl.data.storage.store import BarStore
from tests.support.massive_server import KEY, MassiveServer, day_of_bars, serving

DAYS = ("2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05", "2024-07-08")


@pytest.fixture
def server() -> Iterator[MassiveServer]:
    """A service that knows SPY and QQQ on five days."""
    with serving() as server:
        for symbol, close in (("SPY", 500.0), ("QQQ", 400.0)):
            server.bars[symbol] = [bar for day in DAYS for bar in day_of_bars(day, close)]
        yield server


@pytest.fixture
def settings(server: MassiveServer) -> Callable[..., MassiveDownload]:
    """Make settings without limits or pauses."""

    def make(**changes: Any) -> MassiveDownload:
        values = {
            "base_url": server.url, "calls_per_minute": None, "workers": 2, "sessions_per_request": 2, "attempts": 3,
            "backoff_seconds": 0.01, "timeout_seconds": 5.0, "refresh": False,
        }  # fmt: skip
        made = MassiveDownload(**(values | changes))
        made.check()
        return made

    return make


@pytest.fixture
def key() -> ApiKey:
    return ApiKey(KEY, "MASSIVE_API_KEY")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "store")


@pytest.fixture
def collect(settings, key, store) -> Callable[..., tuple[Collection, dict[str, str]]]:
    """Download symbols from 1 to 8 July 2024 and return the collection with its failures."""

    def run(symbols: tuple[str, ...] = ("SPY",), end: str = DAYS[-1], **changes: Any):
        job = Job(settings(**changes), store, "XNYS", exchange_sessions("XNYS", DAYS[0], end), {"source": "test"})
        collection = Collection(job, symbols, key)
        return collection, collection.run(lambda report: None)

    return run
