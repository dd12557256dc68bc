"""What the Ray executor refuses, and how much room it sees, without Ray."""

from __future__ import annotations

import sys

import pytest

from intraday_rl.core.errors import ConfigError, ParameterError, SweepError
from intraday_rl.sweeps.executors.ray import Ray

GIB = 2.0**30
SMALL = Ray(address=None, num_cpus=2.0, memory_mib=1024, num_gpus=0.25)


def test_room_counts_the_trials_that_fit_node_by_node() -> None:
    by_cores = {"CPU": 5.0, "GPU": 1.0, "memory": 8 * GIB}  # 2 by cores, 4 by GPU, 8 by memory
    by_memory = {"CPU": 9.0, "GPU": 1.0, "memory": 3 * GIB}  # 4, 4, 3
    without_gpu = {"CPU": 64.0, "memory": 64 * GIB}
    assert SMALL._room([by_cores, by_memory, without_gpu]) == 5


def test_room_regards_only_what_a_trial_asks_for() -> None:
    assert SMALL._replace(memory_mib=None, num_gpus=0.0)._room([{"CPU": 5.0}]) == 2


def test_a_trial_that_no_node_can_take_is_refused() -> None:
    with pytest.raises(
        SweepError, match=r"asks for 2 CPUs, 0.25 GPUs and 1024 MiB a trial; .*at most 1, 0 and 8192 MiB"
    ):
        SMALL._room([{"CPU": 1.0, "memory": 8 * GIB}])


def test_resources_are_told_to_ray_in_bytes() -> None:
    assert SMALL._resources() == {"num_cpus": 2.0, "num_gpus": 0.25, "memory": 1024 * 1024 * 1024}


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("num_cpus", 0.0, ParameterError),
        ("num_gpus", -1.0, ParameterError),
        ("memory_mib", 0, ParameterError),
        ("address", "ray://head:10001", ConfigError),
    ],
)
def test_impossible_parameters_are_refused(field: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"hparams.executor.{field} must"):
        SMALL._replace(**{field: value}).check()


def test_missing_ray_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with pytest.raises(SweepError, match=r"pip install -e '\.\[scaling\]'"):
        SMALL.open(1)
