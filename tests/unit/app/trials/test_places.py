"""Where the registry lies: what the run says, what a bundle from anywhere may say, and the variable before both."""

from __future__ import annotations

from pathlib import Path

import pytest

from intraday_rl.app.build import PROJECT
from intraday_rl.app.trials.places import FOLDER_VARIABLE, registry_folder, registry_folder_of_bundle
from intraday_rl.tracking.trials import TrialRegistry

OWN = PROJECT / "experiments" / "mlflow"


@pytest.fixture
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE)


@pytest.mark.usefixtures("no_variable")
@pytest.mark.parametrize("enabled", [True, False])
def test_registry_of_a_run_is_in_its_store_tracked_or_not(enabled: bool, tmp_path: Path):
    for store, folder in ((str(tmp_path), tmp_path), ("experiments/mlflow", OWN)):
        assert registry_folder({"tracking": {"enabled": enabled, "store": store}}) == folder


@pytest.mark.usefixtures("no_variable")
def test_registry_of_a_bundle_is_that_of_its_run_where_there_is_one(tmp_path: Path):
    config = {"tracking": {"store": str(tmp_path)}}
    assert registry_folder_of_bundle(config) == OWN
    TrialRegistry(tmp_path).close()
    assert registry_folder_of_bundle(config) == tmp_path


@pytest.mark.usefixtures("no_variable")
@pytest.mark.parametrize("store", ["~no_such_user/store", "a\0b", "", 3, None, ["a"], "/proc/1/mem"])
def test_bundle_that_names_anything_else_is_counted_in_the_projects_own(store: object):
    assert registry_folder_of_bundle({"tracking": {"store": store}}) == OWN
    assert registry_folder_of_bundle({"tracking": store}) == OWN
    assert registry_folder_of_bundle({}) == OWN


def test_variable_comes_before_all(registry_of_trials: Path, tmp_path: Path):
    TrialRegistry(tmp_path).close()
    config = {"tracking": {"store": str(tmp_path)}}
    assert registry_folder(config) == registry_folder_of_bundle(config) == registry_of_trials


def test_tests_have_a_registry_of_their_own(registry_of_trials: Path):
    assert not registry_of_trials.is_relative_to(PROJECT)
    assert registry_folder({"tracking": {"store": "experiments/mlflow"}}) == registry_of_trials
