"""The root scripts as processes of their own, and data errors met by a real training run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.compose import compose

HEAVY = ("torch", "stable_baselines3", "mlflow", "numba", "pandas")
STOPPED_TASK = """
import sys, time
from intraday_rl.app.cli import run

def task(config, folder, overrides):
    "Produce something, then wait."
    (folder / "bundle").mkdir()
    print("ready", flush=True)
    time.sleep(60)

sys.exit(run(task, sys.argv[1:]))
"""


def start(*arguments: str, cwd: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    print(f"{' '.join(arguments)[:80]}: {1000 * (time.perf_counter() - begin):.0f} ms, status {done.returncode}")
    return done


def test_help_answers_from_any_folder(tmp_path: Path):
    done = start(str(PROJECT / "train.py"), "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python train.py")
    assert list(tmp_path.iterdir()) == []


def test_cfg_job_shows_every_tunable_and_writes_nothing(tmp_path: Path):
    done = start(str(PROJECT / "train.py"), "--cfg", "job", "--resolve", "seed=5", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout) == compose(["seed=5"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [("data=", {"data=simulated", "data=historical"}), ("algo.parameters.bat", {"algo.parameters.batch_size="})],
)
def test_completion_offers_choices_and_keys(line: str, offered: set[str]):
    typed = f"python train.py {line}"
    done = start("train.py", "-sc", "query=bash", COMP_LINE=typed, COMP_POINT=str(len(typed)))
    assert (done.returncode, done.stderr) == (0, "")
    assert offered <= set(done.stdout.split())


def test_a_misspelt_key_is_one_line_and_leaves_nothing(tmp_path: Path):
    done = start("train.py", "+seeed=1", f"hydra.run.dir={tmp_path}/run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: unknown key seeed (did you mean seed?)\n"
    assert list(tmp_path.iterdir()) == []


def imports_of(code: str) -> set[str]:
    report = f"{code}\nimport sys\nprint(*({HEAVY!r}[i] for i in range({len(HEAVY)}) if {HEAVY!r}[i] in sys.modules))"
    done = start("-c", report)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_nothing_heavy_is_imported_before_it_is_needed():
    assert imports_of("import intraday_rl") == set()
    assert imports_of("from intraday_rl.app.compose import show; show(['seed=1'], None, False)") == set()
    # structs are built: numba compiles none of them
    assert imports_of("from intraday_rl.app.compose import precheck; precheck([])") <= {"numba", "pandas"}


@pytest.mark.parametrize(
    ("signal_number", "status", "word"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "SIGINT")]
)
def test_a_signal_ends_a_run_with_its_status_and_one_line(signal_number: int, status: int, word: str, tmp_path: Path):
    script = tmp_path / "wait.py"
    # a process started in the background may have been told to ignore SIGINT
    script.write_text("import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n" + STOPPED_TASK)
    run = subprocess.Popen(
        [sys.executable, str(script), f"hydra.run.dir={tmp_path}/run"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        run.send_signal(signal_number)
        _, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == status
    assert err == f"stopped by {word}; kept in {tmp_path}/run: bundle/\n"


def test_tools_explain_themselves():
    done = start("-m", "intraday_rl", "--help")
    assert done.returncode == 0
    assert re.search(r"doctor .*\n.*ui ", done.stdout, re.DOTALL)


def minute_bars() -> pd.DataFrame:
    """Return three full sessions of one stock."""
    opens = [pd.Timestamp(f"2024-01-{day:02d} 14:30", tz="UTC") for day in (2, 3, 4)]
    stamps = [stamp for start in opens for stamp in pd.date_range(start, periods=390, freq="min")]
    close = 100.0 + 0.01 * (np.arange(len(stamps)) % 7)
    prices = {"open": close, "high": close + 0.02, "low": close - 0.02, "close": close}
    return pd.DataFrame({"timestamp": stamps, "symbol": "SPY", **prices, "volume": 1000})


def spoil(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[400, column] = value
        return frame

    return change


SPOILED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "missing column": (lambda frame: frame.drop(columns="close"), "close"),
    "NaN price": (spoil("close", np.nan), "close"),
    "negative volume": (spoil("volume", -5), "volume"),
    "high below low": (spoil("high", 1.0), "high"),
    "duplicate stamp": (lambda frame: pd.concat([frame.iloc[:401], frame.iloc[400:]]), "timestamp"),
    "unsorted": (lambda frame: frame.iloc[[*range(400), 401, 400, *range(402, len(frame))]], "timestamp"),
}


@pytest.mark.parametrize(("change", "column"), SPOILED.values(), ids=SPOILED)
@pytest.mark.usefixtures("restored_logging")
def test_wrong_data_are_refused_in_one_line_before_any_training(
    change: Callable[[pd.DataFrame], pd.DataFrame], column: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    from intraday_rl.app.cli import run
    from intraday_rl.app.train import train

    file = tmp_path / "SPY.parquet"
    change(minute_bars()).to_parquet(file)
    arguments = ["data=historical", f"data.path={file}", "data.symbols=[SPY]", f"hydra.run.dir={tmp_path}/run"]
    assert run(train, [*arguments, "progress=false", "tracking=none"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"error: {file}: ")
    assert column in err
    assert err.count("\n") == 1
    assert column == "close" or "2024-01-03" in err
    assert [path.name for path in tmp_path.iterdir()] == ["SPY.parquet"]
