"""Judgements by processes of evaluate.py, which are stood in for by what they leave behind."""

import json
from typing import NamedTuple

import pytest

from intraday_rl.app.sweeping.judgements import TEST, VALIDATION, Wanted, judge_all, read_verdict
from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps import batch

WORDS = {TEST: "test sessions", VALIDATION: "validation sessions (the checkpoint was chosen on them)"}


def leave(folder, name, judged_on, value):
    place = folder / "evaluations" / name
    place.mkdir(parents=True)
    (place / "gates.json").write_text(json.dumps({"judged_on": judged_on, "num_trials": value}))
    (place / "metrics.json").write_text(json.dumps({"net_return": value}))


class Ended(NamedTuple):
    status: int

    def poll(self):
        return self.status


class Evaluations:
    """An executor whose commands leave a judgement, or fail with words."""

    capacity = 2

    def __init__(self, fails=False):
        self.started, self._fails = [], fails

    def start(self, command):
        arguments = dict(argument.split("=", 1) for argument in command.arguments[2:])
        self.started.append(arguments)
        if self._fails:
            command.log.parent.mkdir(parents=True, exist_ok=True)
            command.log.write_text("loading\nerror: no bars\n")
            return Ended(1)
        place = command.log.parents[1] / "run"
        leave(place, f"{len(self.started):02d}", WORDS[arguments["sessions"]], len(self.started))
        return Ended(0)

    def stop(self, handles):
        assert not handles


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(batch, "POLL_SECONDS", 0.0)


def test_newest_judgement_of_the_part_is_read(tmp_path):
    leave(tmp_path, "2026-01-01_a", WORDS[TEST], 0.1)
    leave(tmp_path, "2026-01-02_a", WORDS[TEST] + " (counted by symbol, the policy was trained on 1 of 9)", 0.2)
    leave(tmp_path, "2026-01-03_a", "test sessions of other data"[5:], 0.3)
    leave(tmp_path, "2026-01-04_a", WORDS[VALIDATION], 0.4)
    (tmp_path / "evaluations" / "2026-01-05_interrupted").mkdir()
    assert read_verdict(Wanted(tmp_path, TEST)).metrics == {"net_return": 0.2}
    assert read_verdict(Wanted(tmp_path, VALIDATION)).gates["num_trials"] == 0.4


def test_judgement_that_is_there_is_not_made_again_unless_asked_for(tmp_path):
    executor, wanted = Evaluations(), Wanted(tmp_path / "run", TEST)
    first = judge_all([wanted], tmp_path, executor, plugins=["own.terms", "b"])
    assert executor.started == [{"run": str(tmp_path / "run"), "sessions": "test", "plugins": "[own.terms,b]"}]
    assert judge_all([wanted], tmp_path, executor, plugins=[]) == first
    assert len(executor.started) == 1
    again = judge_all([wanted], tmp_path, executor, plugins=[], again=True)
    assert again[wanted].metrics == {"net_return": 2}


def test_judgement_that_fails_is_told_with_its_last_words(tmp_path):
    with pytest.raises(SweepError, match="run could not be judged: error: no bars") as refusal:
        judge_all([Wanted(tmp_path / "run", TEST)], tmp_path, Evaluations(fails=True), plugins=[])
    assert "\n" not in str(refusal.value)
