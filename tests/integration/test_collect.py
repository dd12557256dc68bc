"""collect.py as a process of its own: interrupted and resumed, and the key is seen nowhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.app.data_tools.collect import collect
from intraday_rl.data.storage.store import BarStore
from tests.support.massive_server import KEY, MassiveServer, cut_off, day_of_bars, failing, malformed, serving
from tests.unit.data.frames import good_frame

DAYS = ("2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05")


@pytest.fixture
def server():
    with serving() as server:
        for symbol in ("SPY", "QQQ"):
            server.bars[symbol] = [bar for day in DAYS for bar in day_of_bars(day)]
        yield server


def arguments(server: MassiveServer, root: Path) -> list[str]:
    return [
        "data=massive", "data.symbols=[SPY,QQQ]", f"data.start={DAYS[0]}", f"data.end={DAYS[-1]}",
        f"data.store={root}", f"data.collect.base_url={server.url}", "data.collect.calls_per_minute=null",
        "data.collect.sessions_per_request=1", "data.collect.backoff_seconds=0.01", "data.collect.workers=1",
    ]  # fmt: skip


def start(server: MassiveServer, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "collect.py", *arguments(server, root)],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MASSIVE_API_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a process started in the background may have been told to ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def leaks(key: str, texts: list[str], folder: Path) -> list[str]:
    """Return where the key is found: texts by their number, files, and their names."""
    found = [f"text {number}" for number, text in enumerate(texts) if key in text]
    for path in sorted(folder.rglob("*")):
        if key in str(path) or (path.is_file() and key.encode() in path.read_bytes()):
            found.append(path.name)
    return found


def test_leaks_finds_a_planted_key(tmp_path: Path):
    store = BarStore(tmp_path)
    store.write(good_frame(), "SPY", "XNYS", {"source": "massive"})
    assert leaks(KEY, ["fine", ""], tmp_path) == []
    store.write(good_frame().assign(volume=1), "SPY", "XNYS", {"source": f"https://service?apiKey={KEY}"})
    (tmp_path / "collect.log").write_text(f"Authorization: Bearer {KEY}\n")
    assert leaks(KEY, ["fine", f"error: key {KEY}"], tmp_path) == ["text 1", "collect.log", "SPY.parquet"]


@pytest.mark.slow
def test_collect_interrupted_keeps_whole_sessions_and_the_next_run_asks_for_the_rest(server, tmp_path, capsys):
    store = BarStore(tmp_path / "store")
    third, gate = threading.Event(), threading.Event()

    def block(asked: object) -> None:
        if len(server.asked) >= 3:
            third.set()
            gate.wait(30)

    server.before_answer = block
    run = start(server, store.root)
    try:
        assert third.wait(60)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    finally:
        run.kill()
        gate.set()
    assert run.returncode == 130
    assert err == f"stopped by SIGINT; kept in {store.root}: SPY 2 sessions; the same command goes on from there\n"
    assert (store.sessions("SPY").astype(str).tolist(), store.verify()) == (list(DAYS[:2]), [])
    server.before_answer = lambda asked: None
    server.asked.clear()
    assert collect(arguments(server, store.root), {"MASSIVE_API_KEY": KEY}, time.time_ns()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "train   python train.py data=massive data.symbols=[SPY,QQQ]" in out
    assert [len(store.sessions(symbol)) for symbol in ("SPY", "QQQ")] == [4, 4]
    days = sorted((path.split("/")[4], path.split("/")[-1]) for path, *_ in server.asked)
    assert days == sorted([("SPY", day) for day in DAYS[2:]] + [("QQQ", day) for day in DAYS])


@pytest.mark.slow
def test_collect_shows_its_key_nowhere(server, tmp_path, capfd):
    server.faults = [failing(429), malformed, cut_off, failing(500, {"error": f"trouble with {KEY}"})]
    run = start(server, tmp_path / "store")
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    wrong = {"POLYGON_API_KEY": f"{KEY}-but-wrong"}  # the service repeats it in its answer
    refused = [*arguments(server, tmp_path / "store"), "data.collect.refresh=true"]
    assert collect(refused, wrong, time.time_ns()) == 1
    texts = [out, err, *capfd.readouterr()]
    assert texts[3].startswith("error: Massive refuses the key in POLYGON_API_KEY (401: Unknown API Key: Bearer (key))")
    assert leaks(KEY, texts, tmp_path) == []
    assert all(KEY not in asked.path and KEY not in str(asked.query) for asked in server.asked)
