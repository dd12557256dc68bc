"""The tags of a run, on a market of ten sessions of which two cannot be traded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from intraday_rl.app.command_line.settings import OWN_TAGS
from intraday_rl.app.learning.tracker import phase_of, run_tags, window_tags
from intraday_rl.tracking.store import process_tags

PARENT = "0123456789abcdef0123456789abcdef"
UNUSABLE = (0, 8)


def market():
    days = np.arange("2024-03-01", "2024-03-11", dtype="datetime64[D]")
    tape = SimpleNamespace(dates=days, usable=lambda part: part[~np.isin(part, UNUSABLE)])
    split = SimpleNamespace(train=np.arange(5), validation=np.array([6]), test=np.array([8, 9]))
    return SimpleNamespace(tape=tape, split=split)


def a_run(overrides=(), **tracking):
    config = {
        "algo": {"name": "ppo"},
        "data": {"name": "historical"},
        "evaluation": {"judge_on": "validation"},
        "tracking": {"study": "front", "parent": None, "run_name": None, "tags": {}} | tracking,
    }
    manifest = {"git": {"commit": "abc"}, "data_fingerprint": "123"}
    return SimpleNamespace(
        config=config, manifest=manifest, overrides=list(overrides), data=market(), folder=Path("/runs/one")
    )


def test_windows_are_days_and_numbers_of_sessions_that_can_be_traded():
    assert window_tags(market()) == {
        "train_window": "2024-03-02..2024-03-05",
        "train_sessions": "4",
        "validation_window": "2024-03-07..2024-03-07",
        "validation_sessions": "1",
        "test_window": "2024-03-10..2024-03-10",
        "test_sessions": "1",
    }


def test_run_is_told_by_facts_and_by_what_the_configuration_adds():
    tags = run_tags(a_run(["experiment=phase3"], parent=PARENT, tags={"trial": 3, "rising": True}))
    facts = {
        "study": "front",
        "phase": "phase3",
        "algo": "ppo",
        "data_source": "historical",
        "data_fingerprint": "123",
        "judged_on": "validation",
        "git_commit": "abc",
        "run_folder": "/runs/one",
    }
    given = {"mlflow.parentRunId": PARENT, "trial": "3", "rising": "true"}
    assert tags == facts | given | window_tags(market())


def test_run_without_phase_and_parent_has_no_such_tags():
    assert not {"phase", "mlflow.parentRunId"} & set(run_tags(a_run(["experiment=ou_oracle"])))


def test_names_of_facts_are_kept_from_the_users_tags():
    told_later = {"verdict", "alarms"}
    assert set(OWN_TAGS) == set(run_tags(a_run(["experiment=phase3"]))) | set(process_tags()) | told_later


@pytest.mark.parametrize(
    ("overrides", "phase"),
    [
        (["seed=1"], None),
        (["experiment=phase3"], "phase3"),
        (["+experiment=phase0", "seed=1"], "phase0"),
        (["experiment=phase3", "experiment=phase4"], "phase4"),
        (["experiment=phase3", "experiment=sac"], None),
        (["experiment=null"], None),
        (["~experiment"], None),
    ],
)
def test_phase_is_that_of_the_last_experiment(overrides, phase):
    assert phase_of(overrides) == phase
