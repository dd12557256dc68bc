import dataclasses
import json
import math
import sys

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.sweeping.request import SweepRequest, read_request
from intraday_rl.app.sweeping.settings import SweepSettings
from intraday_rl.app.sweeping.tasks import Commands, Trainings, parts_of, read_curve, refuse_foreign_trials
from intraday_rl.core.errors import SweepError

RATE, STEPS = "algo.parameters.learning_rate", "algo.parameters.total_timesteps"
PARAMS = {RATE: 5e-05, "env.rule": "a b", STEPS: 300}


@pytest.fixture
def request_in(tmp_path, monkeypatch):
    """Return a function that gives a request whose study lies in a temporary folder."""
    monkeypatch.setattr(SweepSettings, "folder", tmp_path)

    def make(seeds=(0,), command=()):
        fixed = (f"{RATE}=1e-4,2e-4", "hparams=screening", f"{STEPS}=2000")
        request = read_request(fixed)
        settings = dataclasses.replace(request.settings, command=command)
        return SweepRequest(settings, request.space, seeds, ("algo=ppo",), request.config, {})

    return make


def test_folder_of_a_trial_is_its_number_and_each_of_several_seeds_has_its_own(tmp_path):
    (one,) = parts_of(tmp_path, 7, [3])
    assert (one.number, one.seed, one.folder, one.log) == (7, 3, tmp_path / "7", tmp_path / "logs" / "7.log")
    first, second = parts_of(tmp_path, 7, [3, 4])
    assert (first.folder, first.log) == (tmp_path / "7" / "seed_3", tmp_path / "logs" / "7_seed_3.log")
    assert (second.seed, second.folder) == (4, tmp_path / "7" / "seed_4")


def test_new_training_gets_what_is_fixed_its_parameters_seed_and_folder(request_in, tmp_path):
    tasks = Trainings(request_in(seeds=(3,)), None)
    (part,) = tasks.parts(0)
    command = tasks.command(part, PARAMS)
    assert command.arguments == (
        sys.executable,
        str(PROJECT / "train.py"),
        "algo=ppo",
        f"{RATE}=5e-05",
        'env.rule="a b"',
        f"{STEPS}=300",
        "seed=3",
        "evaluation.judge_on=validation",
        "progress=false",
        f'hydra.run.dir="{tmp_path}/0"',
    )
    assert command.log == tmp_path / "logs" / "0.log"


def test_interrupted_training_goes_on_from_its_checkpoint(request_in, tmp_path):
    tasks = Trainings(request_in(), None)
    (part,) = tasks.parts(0)
    (part.folder / "checkpoints" / "resume" / "512").mkdir(parents=True)
    assert tasks.command(part, PARAMS).arguments[2:] == (f'resume="{tmp_path}/0"', "progress=false")
    assert (part.folder / "checkpoints" / "resume" / "512").is_dir()


def test_training_without_a_checkpoint_begins_anew_in_an_empty_folder(request_in):
    tasks = Trainings(request_in(), None)
    (part,) = tasks.parts(0)
    (part.folder / "checkpoints" / "resume").mkdir(parents=True)
    (part.folder / "manifest.json").write_text("{}")
    assert f"{STEPS}=300" in tasks.command(part, PARAMS).arguments
    assert not part.folder.exists()


def test_training_has_a_result_when_it_is_finished(request_in):
    tasks = Trainings(request_in(), None)
    (part,) = tasks.parts(0)
    assert tasks.result(part) is None
    (part.folder / "checkpoints" / "resume").mkdir(parents=True)
    (part.folder / "metrics.json").write_text('{"net_return": 0.5}')
    assert tasks.result(part) is None
    (part.folder / "checkpoints" / "resume").rmdir()
    assert tasks.result(part) == {"net_return": 0.5}


def test_last_step_is_the_trials_own(request_in):
    tasks = Trainings(request_in(), None)
    assert tasks.last_step(PARAMS) == 300.0
    assert tasks.last_step({}) == 2000.0


def test_command_gets_arguments_and_where_to_write(request_in, tmp_path):
    tasks = Commands(request_in(seeds=(5, 6), command=("program", "a b")))
    part = tasks.parts(2)[1]
    part.folder.mkdir(parents=True)
    (part.folder / "metrics.json").write_text('{"f": 1')  # of an earlier process
    command = tasks.command(part, PARAMS)
    assert command.arguments == ("program", "a b", f"{RATE}=5e-05", 'env.rule="a b"', f"{STEPS}=300")
    assert command.environment == {"SWEEP_RESULT": f"{tmp_path}/2/seed_6/metrics.json", "SWEEP_SEED": "6"}
    assert command.log == tmp_path / "logs" / "2_seed_6.log"
    assert list(part.folder.iterdir()) == []
    assert tasks.result(part) is None
    (part.folder / "metrics.json").write_text(json.dumps({"f": 1.5}))
    assert tasks.result(part) == {"f": 1.5}
    assert tasks.curve(part) == []
    assert tasks.last_step(PARAMS) == math.inf


@pytest.mark.parametrize(
    ("text", "curve"),
    [
        ("step,validation/net_return\n256,0.5\n512,-1\n", [(256.0, 0.5), (512.0, -1.0)]),
        ("validation/x,validation/net_return,step\n9,0.5,256\n", [(256.0, 0.5)]),
        ("step,validation/net_return\n256,nan\n512,1\n", [(512.0, 1.0)]),
        ("step,validation/net_return\n256,0.5\n512", []),
        ("step,validation/x\n256,0.5\n", []),
        ("", []),
    ],
)
def test_curve_is_read_as_far_as_it_is_whole(tmp_path, text, curve):
    (tmp_path / "validation.csv").write_text(text)
    assert read_curve(tmp_path / "validation.csv") == curve
    assert read_curve(tmp_path / "none.csv") == []


@pytest.mark.parametrize(("names", "next_number"), [((), 0), (("0", "1"), 2), (("logs", "ensemble", "0"), 1)])
def test_folder_of_the_studys_own_trials_is_gone_on_with(tmp_path, names, next_number):
    for name in names:
        (tmp_path / name).mkdir()
    refuse_foreign_trials(tmp_path, lambda: next_number)


def test_folder_with_trials_that_the_study_does_not_know_is_refused(tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "10").mkdir()
    with pytest.raises(SweepError, match=r"/10 is of another study .* which has 10 trials; move .* hparams.study=NAME"):
        refuse_foreign_trials(tmp_path, lambda: 10)
    refuse_foreign_trials(tmp_path, lambda: 11)
