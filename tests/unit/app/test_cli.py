"""The command line around a task: folders, messages and exit statuses."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from intraday_rl.app.cli import guard, run
from intraday_rl.core.errors import DataError

pytestmark = pytest.mark.usefixtures("restored_logging")


class Recorder:
    """A task that remembers what it was called with and then does `act(config, folder)`."""

    def __init__(self, act: Callable[[dict[str, Any], Path], None] = lambda config, folder: None):
        self.act = act
        self.calls: list[tuple[dict[str, Any], Path, list[str]]] = []

    def __call__(self, config: dict[str, Any], folder: Path, overrides: Sequence[str]) -> None:
        self.calls.append((config, folder, list(overrides)))
        self.act(config, folder)


def produce_and(error: BaseException) -> Callable[[dict[str, Any], Path], None]:
    def act(config: dict[str, Any], folder: Path) -> None:
        (folder / "bundle").mkdir()
        (folder / "metrics.json").touch()
        raise error

    return act


def refuse(config: dict[str, Any], folder: Path) -> None:
    raise DataError("SPY 2024-01-02: close is NaN,\nfirst at row 7")


def send(signal_number: int) -> Callable[[dict[str, Any], Path], None]:
    return lambda config, folder: signal.raise_signal(signal_number)


def test_run_hands_the_task_a_plain_resolved_config_and_its_folder(tmp_path: Path):
    task = Recorder()
    assert run(task, ["seed=3", "name=x", f"hydra.run.dir={tmp_path}/${{name}}"]) == 0
    [(config, folder, overrides)] = task.calls
    assert type(config) is dict
    assert "hydra" not in config
    assert config["data"]["source"]["seed"] == 3
    assert folder == tmp_path / "x"
    assert (folder / ".hydra" / "config.yaml").is_file()
    assert overrides == ["seed=3", "name=x"]


def test_run_takes_overrides_on_both_sides_of_a_flag(tmp_path: Path):
    task = Recorder()
    assert run(task, ["seed=3", "-m", "name=x", f"hydra.sweep.dir={tmp_path}/sweep"]) == 0
    [(config, _, overrides)] = task.calls
    assert (config["seed"], overrides) == (3, ["seed=3", "name=x"])


def test_run_says_a_refusal_in_one_line_and_leaves_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert run(Recorder(refuse), [f"hydra.run.dir={tmp_path}/run"]) == 1
    assert capfd.readouterr() == ("", "error: SPY 2024-01-02: close is NaN, first at row 7\n")
    assert list(tmp_path.iterdir()) == []


def test_run_keeps_what_was_produced_before_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert run(Recorder(produce_and(DataError("too late"))), [f"hydra.run.dir={tmp_path}/run"]) == 1
    assert capfd.readouterr().err == f"error: too late; kept in {tmp_path}/run: bundle/, metrics.json\n"
    assert (tmp_path / "run" / "bundle").is_dir()


def test_run_keeps_the_traceback_of_an_unforeseen_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    def fail(config: dict[str, Any], folder: Path) -> None:
        raise ZeroDivisionError("by\nnought")

    assert run(Recorder(fail), [f"hydra.run.dir={tmp_path}/run"]) == 1
    log = tmp_path / "run" / "train.log"
    assert capfd.readouterr().err == f"error: ZeroDivisionError: by nought; the traceback is in {log}\n"
    assert "Traceback (most recent call last)" in log.read_text()
    assert "in fail" in log.read_text()


@pytest.mark.parametrize(
    ("signal_number", "status", "words"),
    [(signal.SIGINT, 130, "stopped by SIGINT"), (signal.SIGTERM, 143, "stopped by SIGTERM")],
)
def test_run_stopped_before_anything_was_produced_leaves_nothing(
    signal_number: int, status: int, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    assert run(Recorder(send(signal_number)), [f"hydra.run.dir={tmp_path}/run"]) == status
    assert capfd.readouterr().err == f"{words}; nothing had been produced yet, nothing was kept\n"
    assert list(tmp_path.iterdir()) == []


def test_run_stopped_later_says_what_was_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert run(Recorder(produce_and(KeyboardInterrupt())), [f"hydra.run.dir={tmp_path}/run"]) == 130
    assert capfd.readouterr().err == f"stopped by SIGINT; kept in {tmp_path}/run: bundle/, metrics.json\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seeed=1"], "error: unknown key seeed (did you mean seed?)"),
        (["--nonsense"], "error: unrecognized arguments: --nonsense; --help shows what there is"),
        (["--config-name=other"], "error: --config-name is not offered: runs are composed from conf/ alone"),
        (["--config-dir=x"], "error: --config-dir is not offered"),
        (["--experimental-rerun=x"], "error: --experimental-rerun is not offered"),
        (["--cfg", "job", "-m"], "error: Only one of --run, --multirun, --cfg"),
        (["--cfg", "job", "+seeed=1"], "error: unknown key seeed (did you mean seed?)"),
        (["--cfg", "jobs"], "error: argument --cfg/-c: invalid choice: 'jobs'"),
    ],
)
def test_run_refuses_before_anything_is_made(
    arguments: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    task = Recorder()
    assert run(task, [f"hydra.run.dir={tmp_path}/run", *arguments]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
    assert task.calls == []
    assert list(tmp_path.iterdir()) == []


def test_run_says_when_the_folder_cannot_be_made(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    (tmp_path / "file").touch()
    assert run(Recorder(), [f"hydra.run.dir={tmp_path}/file/run"]) == 1
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert f"{tmp_path}/file" in err
    assert err.count("\n") == 1


def test_runs_of_one_second_have_folders_of_their_own(tmp_path: Path):
    task = Recorder()
    for _ in range(3):
        assert run(task, [f"hydra.run.dir={tmp_path}/${{now:%Y}}_${{unique_id:}}"]) == 0
    assert len({folder for _, folder, _ in task.calls}) == 3


@pytest.mark.slow
def test_multirun_runs_all_and_says_which_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    def fail_for_two(config: dict[str, Any], folder: Path) -> None:
        if config["seed"] == 2:
            refuse(config, folder)
        (folder / "metrics.json").touch()

    task = Recorder(fail_for_two)
    assert run(task, ["-m", "seed=1,2,3", "name=x", f"hydra.sweep.dir={tmp_path}/sweep"]) == 1
    assert [config["seed"] for config, _, _ in task.calls] == [1, 2, 3]
    assert capfd.readouterr().err == "error: seed=2 name=x: SPY 2024-01-02: close is NaN, first at row 7\n"
    assert sorted(path.name for path in (tmp_path / "sweep").iterdir()) == ["0", "2", "multirun.yaml"]


def test_multirun_in_which_all_fail_leaves_nothing(tmp_path: Path):
    assert run(Recorder(refuse), ["-m", "seed=1,2", f"hydra.sweep.dir={tmp_path}/sweep"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_multirun_stopped_says_where_the_finished_runs_are(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    def stop_at_two(config: dict[str, Any], folder: Path) -> None:
        if config["seed"] == 2:
            raise KeyboardInterrupt
        (folder / "metrics.json").touch()

    assert run(Recorder(stop_at_two), ["-m", "seed=1,2,3", f"hydra.sweep.dir={tmp_path}/sweep"]) == 130
    assert capfd.readouterr().err == (
        f"stopped by SIGINT; nothing had been produced yet, nothing was kept; finished runs are in {tmp_path}/sweep\n"
    )
    assert sorted(path.name for path in (tmp_path / "sweep").iterdir()) == ["0", "multirun.yaml"]


def test_log_takes_everything_and_the_terminal_only_our_warnings(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    def chat(config: dict[str, Any], folder: Path) -> None:
        logging.getLogger("other").warning("from a library")
        logging.getLogger("intraday_rl.data").info("a detail")
        logging.getLogger("intraday_rl.data").warning("crossed quotes")
        warnings.warn("a Python warning", stacklevel=1)

    assert run(Recorder(chat), [f"hydra.run.dir={tmp_path}/run"]) == 0
    assert capfd.readouterr() == ("", "warning: crossed quotes\n")
    log = (tmp_path / "run" / "train.log").read_text()
    for text in ("from a library", "a detail", "crossed quotes", "a Python warning"):
        assert text in log


def test_guard_turns_errors_and_interrupts_into_a_line_and_a_status(capfd: pytest.CaptureFixture[str]):
    def fail(error: BaseException) -> Callable[[], int]:
        def work() -> int:
            raise error

        return work

    assert guard(lambda: 3) == 3
    assert guard(fail(DataError("a\nb"))) == 1
    assert guard(fail(KeyboardInterrupt())) == 130
    assert capfd.readouterr().err == "error: a b\nstopped by SIGINT\n"
    assert guard(fail(PermissionError(13, "Permission denied", "/a/b"))) == 1
    assert capfd.readouterr().err.startswith("error: /a/b: permission denied; ")
    with pytest.raises(ZeroDivisionError):
        guard(fail(ZeroDivisionError()))
