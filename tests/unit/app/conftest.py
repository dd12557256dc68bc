"""Hydra needs a tenth of a second for a configuration: the same one is composed once for all tests of the package."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from intraday_rl.app import compose as composing


@pytest.fixture(scope="package", autouse=True)
def _compose_the_same_once() -> Iterator[None]:
    cached = functools.cache(composing._compose_raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composing, "_compose_raw", lambda overrides: cached(tuple(overrides)))
        yield
