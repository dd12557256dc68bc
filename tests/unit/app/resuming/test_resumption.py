"""`resume=…` on the command line: what is refused in one line, and what the task is called with."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from intraday_rl.app.cli import run
from intraday_rl.app.resuming.places import RESUME
from intraday_rl.app.resuming.resumption import Resumption, resumption_of
from intraday_rl.core.errors import IntradayError

pytestmark = pytest.mark.usefixtures("restored_logging")

BEGUN_WITH = ["seed=3", "algo.parameters.learning_rate=1e-4", "tracking=none", "env/actions=target"]


class Recorder:
    """A task that remembers what it was called with, and then does `act(folder)`."""

    def __init__(self, act: Any = lambda folder: None):
        self.act, self.calls = act, []

    def __call__(self, config: dict[str, Any], folder: Path, overrides: Sequence[str]) -> None:
        self.calls.append((config, folder))
        self.act(folder)


def take_checkpoint(folder: Path) -> None:
    (folder / RESUME / "2048").mkdir(parents=True)


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    """A run that was begun and left with a checkpoint."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run(Recorder(take_checkpoint), [*BEGUN_WITH, f"hydra.run.dir={folder}"]) == 0
    return folder


@pytest.fixture
def copy(begun: Path, tmp_path: Path) -> Path:
    return shutil.copytree(begun, tmp_path / "run")


def asked(folder: Path, *others: str, multirun: bool = False) -> Resumption | None:
    return resumption_of([f"resume={folder}", *others], multirun)


def refusal(folder: Path, *others: str, multirun: bool = False) -> str:
    with pytest.raises(IntradayError) as caught:
        asked(folder, *others, multirun=multirun)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_run_goes_on_with_its_own_configuration_in_its_own_folder(begun: Path, copy: Path):
    task = Recorder()
    before = {path: path.read_bytes() for path in (copy / ".hydra").iterdir()}
    for _ in range(2):
        assert run(task, [f"resume={copy}", "progress=false", "seed=3"]) == 0
    (config, folder), _ = task.calls
    assert folder == copy
    assert config["resume"] == str(copy)
    assert (config["seed"], config["progress"], config["name"]) == (3, False, "simulated_ppo")
    assert config["env"]["actions"]["_target_"].endswith("DiscreteTarget")
    assert {path: path.read_bytes() for path in before} == before
    used = yaml.safe_load((copy / ".hydra" / "resume_1" / "config.yaml").read_text())
    assert used == yaml.safe_load(before[copy / ".hydra" / "config.yaml"]) | {"resume": str(copy), "progress": False}
    assert (copy / ".hydra" / "resume_2" / "config.yaml").is_file()
    assert "started in" in (copy / "train.log").read_text()


def test_folder_may_have_any_name(begun: Path, tmp_path: Path):
    folder = shutil.copytree(begun, tmp_path / "it's = a run, (really)")
    task = Recorder()
    quoted = str(folder).replace("'", "\\'")
    assert run(task, [f"resume='{quoted}'"]) == 0
    assert task.calls[0][1] == folder


@pytest.mark.parametrize(
    "others",
    [
        ["tracking=none"],
        ["tracking=mlflow", "tracking.store=elsewhere"],
        ["tracking.enabled=true"],
        ["progress=true"],
        ["algo=ppo", "seed=3", "algo.parameters.learning_rate=0.0001", "env/actions=target", "~experiment"],
    ],
)
def test_tracking_progress_and_what_is_the_same_may_stand_beside_it(begun: Path, others: list[str]):
    resumption = asked(begun, *others)
    assert resumption is not None
    tracking = resumption.config["tracking"]
    assert tracking["enabled"] == ("tracking=mlflow" in others or "tracking.enabled=true" in others)
    assert tracking["store"] == ("elsewhere" if "tracking.store=elsewhere" in others else "experiments/mlflow")


def test_tags_parent_and_name_in_mlflow_may_differ_from_the_runs(begun: Path):
    parent = "0123456789abcdef0123456789abcdef"
    resumption = asked(begun, "+tracking.tags.trial=3", f'tracking.parent="{parent}"', "tracking.run_name=again")
    assert resumption is not None
    tracking = resumption.config["tracking"]
    assert (tracking["tags"], tracking["parent"], tracking["run_name"]) == ({"trial": 3}, parent, "again")


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (
            ["algo.parameters.learning_rate=0.001"],
            "resume takes the run's own configuration: algo.parameters.learning_rate was 0.0001 there, 0.001 here; "
            "leave it out, or start a new run with it",
        ),
        (["algo=sac"], "resume takes the run's own configuration: algo was ppo there, sac here; leave it out"),
        (["experiment=phase3"], "experiment was null there, phase3 here"),
        (["env/actions=step"], "env/actions was target there, step here"),
        (["~risk.limits.units"], "risk.limits.units was "),
        (["risk.use_risk_wrapper=false"], "risk.use_risk_wrapper was true there, false here"),
        (
            ["algo.parameters.lerning_rate=1"],
            "unknown key algo.parameters.lerning_rate (did you mean algo.parameters.l",
        ),
        (["checkpoint.every_seconds=1"], "checkpoint.every_seconds was 10.0 there, 1 here"),
        (["hydra.run.dir=x"], "resume works in the run's own folder, with Hydra as it was: leave hydra.run.dir=x out"),
        (["seed=3,4"], "resume goes on with one run, seed=3,4 names several values"),
        (["tracking=nope"], "tracking has no choice nope"),
        (["tracking.stor=x"], "unknown key tracking.stor (did you mean tracking.store?)"),
        (["+tracking.tagz.trial=3"], "unknown key tracking.tagz.trial (did you mean tracking.tags?)"),
        (["tracking.tags.trial=3"], "unknown key tracking.tags.trial; a new one is added with a plus"),
        (["tracking.parent=3"], "tracking.parent must be the id of a run in MLflow"),
        (["progress=maybe"], "progress must be true or false, was 'maybe'"),
    ],
)
def test_what_differs_is_refused_with_the_difference(begun: Path, others: list[str], message: str):
    assert message in refusal(begun, *others)


def test_several_runs_are_refused(begun: Path):
    assert refusal(begun, multirun=True) == "resume goes on with one run: leave -m out"


def test_no_run_is_asked_for():
    assert resumption_of(["resume=null", "seed=1"], False) is None


def test_folder_that_is_not_there_is_said(tmp_path: Path):
    assert refusal(tmp_path / "none") == f"resume: there is no run folder {tmp_path}/none"
    assert refusal(tmp_path) == f"resume: {tmp_path} holds no run (.hydra/ is missing); give the run folder"


def test_finished_run_has_nothing_to_resume(copy: Path):
    (copy / "metrics.json").touch()
    assert asked(copy) is not None  # it was judged, and stopped before everything was written
    shutil.rmtree(copy / RESUME)
    assert refusal(copy) == f"resume: {copy} is finished (metrics.json); nothing to resume"


def test_run_without_a_checkpoint_is_to_be_started_anew(copy: Path):
    (copy / RESUME / "2048").rename(copy / RESUME / "2048.new")
    assert refusal(copy) == (
        f"resume: {copy} was stopped before its first checkpoint; start it anew: python train.py {' '.join(BEGUN_WITH)}"
    )


def test_command_to_start_anew_can_be_pasted_into_a_shell(copy: Path):
    shutil.rmtree(copy / RESUME)
    overrides = ["data=historical", "data.symbols=[SPY,QQQ]", "data.path=my bars"]
    (copy / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    assert shlex.split(refusal(copy).partition("start it anew: ")[2]) == ["python", "train.py", *overrides]


def test_new_run_in_a_folder_with_a_run_leaves_that_run_as_it_is(copy: Path, capfd: pytest.CaptureFixture[str]):
    (copy / "manifest.json").touch()
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    task = Recorder()
    assert run(task, ["seed=4", f"hydra.run.dir={copy}"]) == 1
    assert capfd.readouterr().err == (
        f"error: {copy} holds a run already (manifest.json); give another folder, or continue it with resume={copy}\n"
    )
    assert task.calls == []
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def spoil(copy: Path, change: Any) -> None:
    path = copy / ".hydra" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("risk"), "cannot be used, 'risk' is missing or misplaced"),
        (lambda c: c.update(seed=-1), "seed must be in [0, 4294967296), was -1"),
        (lambda c: c.update(name="../x"), "name must be of letters"),
        (lambda c: c["checkpoint"].update(keep=0), "checkpoint.keep must be >= 1"),
        (lambda c: c.update(hydra={"callbacks": {"x": {"_target_": "os.abort"}}}), "must not have a key hydra"),
        (lambda c: c.update(defaults=["x"]), "must not have a key defaults"),
        (lambda c: c["env"]["actions"].update(_target_="os.system"), "must name a struct of intraday_rl"),
        (lambda c: c.update(name="${nothing}"), "does not hold the configuration of a run"),
        (
            lambda c: c.update(plugins=["antigravity"]),
            "the run uses code of plugins; allow it with plugins=[antigravity]",
        ),
    ],
)
def test_configuration_of_someone_else_is_checked_and_nothing_foreign_is_imported(
    copy: Path, change: Any, message: str
):
    spoil(copy, change)
    assert message in refusal(copy)


@pytest.mark.parametrize("name", ["config.yaml", "hydra.yaml", "overrides.yaml"])
@pytest.mark.parametrize("text", [None, "a: [", "3", "!!python/object/apply:os.abort []"])
def test_damaged_files_are_one_line(copy: Path, name: str, text: str | None):
    path = copy / ".hydra" / name
    path.unlink() if text is None else path.write_text(text)
    assert refusal(copy).startswith(f"resume: {copy}/.hydra does not hold the configuration of a run (")


def interrupt(folder: Path) -> None:
    raise KeyboardInterrupt


def interrupt_later(folder: Path) -> None:
    take_checkpoint(folder)
    interrupt(folder)


def test_interrupted_run_says_how_to_go_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    folder = tmp_path / "run"
    assert run(Recorder(interrupt_later), [f"hydra.run.dir={folder}", "tracking=none"]) == 130
    command = f"python train.py resume={folder}"
    assert capfd.readouterr().err == f"stopped by SIGINT; kept in {folder}: checkpoints/; go on with: {command}\n"
    assert run(Recorder(interrupt), [f"resume={folder}"]) == 130
    assert capfd.readouterr().err.endswith(f"; go on with: {command}\n")


def test_refused_resume_leaves_the_folder_and_says_one_line(copy: Path, capfd: pytest.CaptureFixture[str]):
    def refuse(folder: Path) -> None:
        raise IntradayError("the data are others")

    assert run(Recorder(refuse), [f"resume={copy}"]) == 1
    assert capfd.readouterr().err == "error: the data are others\n"
    assert (copy / RESUME / "2048").is_dir()
