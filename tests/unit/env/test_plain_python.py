"""Compiled kernels against the same functions run as plain Python: equal step by step, to the last bit."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.env.risk.base import HALT, SESSION_CLOSE
from tests.support.exact import assert_same_bits
from tests.support.rollout import MAPS, NUM_ENVS, STACKED, STEPS, rollout

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def here():
    return rollout()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Return the rollout of a process that runs in the other mode."""
    path = tmp_path_factory.mktemp("rollout") / "other.npz"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "0" if JIT_DISABLED else "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.support.rollout", str(path)]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(path) as file:
        return dict(file)


def test_modes_are_compiled_and_plain(here, elsewhere):
    assert {bool(here["jit_disabled"]), bool(elsewhere["jit_disabled"])} == {False, True}
    assert set(here) == set(elsewhere)


@pytest.mark.parametrize("name", list(MAPS))
def test_compiled_kernels_equal_plain_python(here, elsewhere, name):
    for key, value in here.items():
        if key.startswith(f"{name}."):
            assert_same_bits(value, elsewhere[key], key)


@pytest.mark.parametrize("name", list(MAPS))
def test_rollout_meets_what_it_compares(here, name):
    """Guard: costs of every kind, both sides, partial fills, forced exits, halts and penalties occur."""
    ordered, quantity = here[f"{name}.fills.ordered"], here[f"{name}.fills.quantity"]
    assert ordered.shape == (STEPS, NUM_ENVS)
    assert (quantity > 0).any()
    assert (quantity < 0).any()
    assert ((quantity != 0) & (np.abs(quantity) < np.abs(ordered))).any()
    for cost in ("commission_usd", "spread_usd", "impact_usd"):
        assert (here[f"{name}.fills.{cost}"] > 0).any()
    assert (here[f"{name}.fills.latency_usd"] != 0).any()
    assert {SESSION_CLOSE, HALT} <= set(here[f"{name}.finished.closing"].ravel().tolist())
    assert (here[f"{name}.parts."][:, 0, :, 1] < 0).any()
    assert here[f"{name}.dones."].sum() > NUM_ENVS
    lags = here[f"{name}.observations."][:, :, -2 * len(STACKED) :]
    assert (lags != 0).any(axis=(0, 1)).all()
