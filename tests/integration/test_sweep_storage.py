"""Sweeps on several machines, played by processes: over PostgreSQL and over the storage server."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from tests.support import sweeps

pytestmark = pytest.mark.slow
HEARTBEAT = "hparams.heartbeat_seconds=2"
UNPRIVILEGED = ("postgres", "nobody")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_program(name: str) -> str:
    newest_first = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(map(str, newest_first), None)
    if found is None:
        pytest.skip(f"PostgreSQL is not installed: no {name}")
    return found


def as_user() -> list[str]:
    """Return what goes before PostgreSQL's commands: its server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    runuser = shutil.which("runuser")
    names = [name for name in UNPRIVILEGED if name in {entry.pw_name for entry in pwd.getpwall()}]
    if runuser is None or not names:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser, or no user postgres or nobody")
    return [runuser, "-u", names[0], "--"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run a PostgreSQL server on loopback; return the beginning of its databases' addresses."""
    pytest.importorskip("psycopg")
    initdb, pg_ctl, prefix, port = postgres_program("initdb"), postgres_program("pg_ctl"), as_user(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="pg_"))
    if prefix:
        os.chown(folder, pwd.getpwnam(prefix[2]).pw_uid, -1)
    data = str(folder / "data")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder}
    try:
        subprocess.run([*prefix, initdb, "-D", data, "-U", "sweeper", "--auth=trust", "-E", "UTF8"], **quiet)
        subprocess.run([*prefix, pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"], **quiet)
        try:
            yield f"postgresql+psycopg://sweeper@127.0.0.1:{port}/"
        finally:
            subprocess.run([*prefix, pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: str) -> str:
    """Return the address of an empty database."""
    import psycopg

    name = f"studies_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.replace("+psycopg", "") + "postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return server + name


def start_storage_server(log: Path, port: int, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "intraday_rl", "storage-server", "--port", str(port), *arguments],
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    sweeps.wait_for(lambda: server.poll() is not None or "storage server: grpc://" in log.read_text(), "the server")
    assert server.poll() is None, log.read_text()
    return server


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    """Run a storage server over a journal of its own; return its address."""
    pytest.importorskip("grpc")
    port = free_port()
    server = start_storage_server(
        tmp_path / "server.log", port, "--journal", str(tmp_path / "kept" / "studies.journal")
    )
    yield f"grpc://127.0.0.1:{port}"
    server.send_signal(signal.SIGINT)
    assert server.wait(20) == 130


@pytest.fixture(params=["database", "proxy"])
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_two_sweeps_share_a_study_to_its_total_with_no_trial_twice(storage: str, tmp_path: Path) -> None:
    with sweeps.free_study("test_shared_study") as study:
        arguments = (f"hparams.storage={storage}", "hparams.n_trials=12", "hparams.n_workers=1")
        both = [sweeps.start_sweep(study, tmp_path, 1.0, *arguments, name=name) for name in ("one", "two")]
        sweeps.finish(both, tmp_path)
        trials = sweeps.trials_of(storage, study)
    assert [(number, state) for number, state, _ in trials] == [(number, "COMPLETE") for number in range(12)]
    assert sorted(int(note["trial"]) for note in sweeps.notes_of(tmp_path, "begin")) == list(range(12))
    assert {attributes["holder"] for _, _, attributes in trials} > {trials[0][2]["holder"]}, "one sweep did everything"


def test_a_trial_of_a_killed_sweep_is_taken_over_under_its_number(storage: str, tmp_path: Path) -> None:
    with sweeps.free_study("test_taken_over") as study:
        arguments = (f"hparams.storage={storage}", "hparams.n_trials=4", "hparams.n_workers=1", HEARTBEAT)
        killed = sweeps.start_sweep(study, tmp_path, 1.5, *arguments, name="killed")
        sweeps.wait_for(lambda: bool(sweeps.notes_of(tmp_path, "begin")), "the first trial")
        first = sweeps.notes_of(tmp_path, "begin")[0]
        killed.kill()
        killed.wait()
        sweeps.wait_for(lambda: not sweeps.alive([first["pid"]]), "the end of the killed sweep's trial", 5.0)
        sweeps.finish([sweeps.start_sweep(study, tmp_path, 1.5, *arguments, name="other")], tmp_path)
        trials = sweeps.trials_of(storage, study)
    assert [(number, state) for number, state, _ in trials] == [(number, "COMPLETE") for number in range(4)]
    begun = sweeps.notes_of(tmp_path, "begin")
    again = [note for note in begun if note["trial"] == first["trial"]]
    assert len(again) == 2
    assert len(begun) == 5
    assert again[1]["x"] == first["x"]
    assert again[1]["x"] == str(trials[int(first["trial"])][2]["x"])


def test_a_sweep_that_slept_gives_up_the_trial_that_was_taken_over(database: str, tmp_path: Path) -> None:
    with sweeps.free_study("test_slept") as study:
        arguments = (f"hparams.storage={database}", "hparams.n_trials=2", "hparams.n_workers=1", HEARTBEAT)
        slept = sweeps.start_sweep(study, tmp_path, 5.0, *arguments, name="slept")
        sweeps.wait_for(lambda: bool(sweeps.notes_of(tmp_path, "begin")), "the first trial")
        first = sweeps.notes_of(tmp_path, "begin")[0]
        os.killpg(slept.pid, signal.SIGSTOP)
        os.kill(first["pid"], signal.SIGSTOP)
        other = sweeps.start_sweep(study, tmp_path, 5.0, *arguments, name="other")
        sweeps.wait_for(
            lambda: sum(n["trial"] == first["trial"] for n in sweeps.notes_of(tmp_path, "begin")) == 2, "the take-over"
        )
        os.killpg(slept.pid, signal.SIGCONT)
        time.sleep(3.0)  # within two seconds it looks, and tells its command to end
        os.kill(first["pid"], signal.SIGCONT)
        sweeps.finish([slept, other], tmp_path)
        trials = sweeps.trials_of(database, study)
    assert "taken over by another machine" in (tmp_path / "slept.out").read_text()
    assert [(number, state) for number, state, _ in trials] == [(0, "COMPLETE"), (1, "COMPLETE")]
    assert sorted(note["trial"] for note in sweeps.notes_of(tmp_path, "end")) == ["0", "1"]


def test_eight_processes_begin_at_once_on_an_empty_database(database: str) -> None:
    start = time.time() + 15.0
    command = [sys.executable, "-m", "tests.support.study_process", database, "eight_at_once", "40", str(start)]
    eight = [
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    said = [process.communicate(timeout=45) for process in eight]
    assert [process.returncode for process in eight] == [0] * 8, said
    assert sorted(int(line) for output, _ in said for line in output.split()) == list(range(40))
    trials = sweeps.trials_of(database, "eight_at_once")
    assert [(number, state) for number, state, _ in trials] == [(number, "COMPLETE") for number in range(40)]
    assert len({attributes["x"] for _, _, attributes in trials}) == 40, "two processes proposed the same"


def test_a_storage_server_keeps_a_database_too(database: str, tmp_path: Path) -> None:
    port = free_port()
    server = start_storage_server(tmp_path / "server.log", port, "--storage", database)
    with sweeps.free_study("test_proxy_of_database") as study:
        arguments = (f"hparams.storage=grpc://127.0.0.1:{port}", "hparams.n_trials=3", "hparams.n_workers=1")
        sweeps.finish([sweeps.start_sweep(study, tmp_path, 0.1, *arguments)], tmp_path)
        trials = sweeps.trials_of(database, study)
    server.terminate()
    assert server.wait(20) == 143
    assert [(number, state) for number, state, _ in trials] == [(number, "COMPLETE") for number in range(3)]


def test_a_storage_server_that_ends_stops_a_sweep_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("grpc")
    port = free_port()
    server = start_storage_server(
        tmp_path / "server.log", port, "--journal", str(tmp_path / "kept" / "studies.journal")
    )
    with sweeps.free_study("test_lost_server") as study:
        arguments = (f"hparams.storage=grpc://127.0.0.1:{port}", "hparams.n_trials=30", "hparams.n_workers=1")
        sweep = sweeps.start_sweep(study, tmp_path, 0.2, *arguments)
        sweeps.wait_for(lambda: bool(sweeps.notes_of(tmp_path, "end")), "the first trial")
        server.kill()
        server.wait()
        assert sweep.wait(40) == 1
    said = (tmp_path / "sweep.out").read_text()
    assert "was lost" in said
    assert "Traceback" not in said
