"""Sweeps whose trials run on a Ray cluster: one of the sweep's own, and one of two nodes of which one is lost."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.support import sweeps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[scaling]'"),
]
RAY = "hparams/executor=ray"
START_SECONDS = 40.0


@pytest.fixture(scope="module")
def token() -> Iterator[dict[str, str]]:
    """Give clusters, and the sweeps that join them, a token of their own; return the variables.

    Ray reads them when it is imported: nothing here imports it before.
    """
    folder = tempfile.mkdtemp(prefix="t_")  # short: the paths of Ray's sockets may have 107 characters
    file = Path(folder) / "token"
    file.write_text("0123456789abcdef" * 4)
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file), "RAY_USAGE_STATS_ENABLED": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**variables, "TMPDIR": folder}.items():
            patch.setenv(name, value)
        yield variables
    shutil.rmtree(folder, ignore_errors=True)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all below it, as a machine that is switched off."""
    try:
        tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        return
    for member in tree:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


class Node:
    """A node of a cluster, as `ray start` makes it; its commands find its name in SLOW_COMMAND_NODE."""

    def __init__(self, name: str, folder: Path, *arguments: str) -> None:
        program = str(Path(sys.executable).parent / "ray")
        fixed = ["--block", "--node-ip-address=127.0.0.1", "--num-cpus=1", "--object-store-memory=100000000"]
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [program, "start", *fixed, *arguments],
                cwd="/",
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SLOW_COMMAND_NODE": name},
            )

    def wait_until_up(self) -> None:
        sweeps.wait_for(lambda: "Ray runtime started" in self.log.read_text(), self.log.name, START_SECONDS)


@pytest.fixture
def two_nodes(token: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, Node, Node]]:
    """Run a cluster of two nodes, of one CPU each; return its address and the nodes, the head first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    temporary = tempfile.mkdtemp(prefix="ray_")
    ports = ("--min-worker-port=0", "--max-worker-port=0")
    nodes = []
    try:
        port = address.partition(":")[2]
        head = ("--head", f"--port={port}", f"--temp-dir={temporary}", "--include-dashboard=false", *ports)
        nodes.append(Node("head", tmp_path, *head))
        nodes[0].wait_until_up()
        nodes.append(Node("other", tmp_path, f"--address={address}", *ports))
        nodes[1].wait_until_up()
        yield address, nodes[0], nodes[1]
    finally:
        for node in reversed(nodes):
            kill_tree(node.process)
        shutil.rmtree(temporary, ignore_errors=True)


def test_a_cluster_of_the_sweeps_own_carries_out_the_study(token: dict[str, str], tmp_path: Path) -> None:
    with sweeps.free_study("test_ray_own") as study:
        sweep = sweeps.start_sweep(study, tmp_path, 0.5, RAY, "hparams.n_trials=4", "hparams.executor.num_cpus=0.5")
        sweeps.finish([sweep], tmp_path)
        trials = sweeps.trials_of(None, study)
    assert [(number, state) for number, state, _ in trials] == [(number, "COMPLETE") for number in range(4)]
    assert sorted(int(note["trial"]) for note in sweeps.notes_of(tmp_path, "begin")) == list(range(4))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_stopped_sweep(number: signal.Signals, token: dict[str, str], tmp_path: Path) -> None:
    with sweeps.free_study(f"test_ray_stopped_{number}") as study:
        sweep = sweeps.start_sweep(study, tmp_path, 100.0, RAY, "hparams.n_trials=4", "hparams.n_workers=1")
        sweeps.wait_for(lambda: bool(sweeps.notes_of(tmp_path, "begin")), "the first trial")
        note = sweeps.notes_of(tmp_path, "begin")[0]
        ray = [process.pid for process in psutil.Process(sweep.pid).children(recursive=True)]
        os.killpg(sweep.pid, number)
        assert sweep.wait(30) == (130 if number == signal.SIGINT else -number)
        # after SIGKILL nobody is left to end what a trial started
        helper = [note["helper"]] if number == signal.SIGINT else []
        left = [note["pid"], *helper, *(pid for pid in ray if pid != note["helper"])]
        sweeps.wait_for(lambda: not sweeps.alive(left), "the end of everything", 20.0)
        for pid in sweeps.alive([note["helper"]]):
            os.kill(pid, signal.SIGKILL)


def test_trials_of_a_lost_node_run_again_on_the_other(two_nodes: tuple[str, Node, Node], tmp_path: Path) -> None:
    address, _, other = two_nodes
    with sweeps.free_study("test_ray_two_nodes") as study:
        arguments = (RAY, f"hparams.executor.address={address}", "hparams.n_trials=6")
        sweep = sweeps.start_sweep(study, tmp_path, 2.0, *arguments)
        both = {"head", "other"}
        sweeps.wait_for(lambda: {n["node"] for n in sweeps.notes_of(tmp_path, "begin")} == both, "a trial on each node")
        lost = next(note for note in sweeps.notes_of(tmp_path, "begin") if note["node"] == "other")
        kill_tree(other.process)
        sweeps.finish([sweep], tmp_path)
        trials = sweeps.trials_of(None, study)
    assert [(number, state) for number, state, _ in trials] == [(number, "COMPLETE") for number in range(6)]
    begun, ended = sweeps.notes_of(tmp_path, "begin"), sweeps.notes_of(tmp_path, "end")
    assert sorted(int(note["trial"]) for note in ended) == list(range(6))
    again = [note for note in begun if note["trial"] == lost["trial"]]
    assert [note["node"] for note in again] == ["other", "head"]
    assert again[0]["x"] == again[1]["x"]
    assert not sweeps.alive([lost["pid"]])


def test_a_command_that_cannot_start_fails_its_trial(token: dict[str, str], tmp_path: Path) -> None:
    from intraday_rl.sweeps.executors.base import Command
    from intraday_rl.sweeps.executors.ray import NOT_STARTED, Ray

    parameters = Ray(address=None, num_cpus=0.5, memory_mib=64, num_gpus=0.0)
    executor = parameters.open(1)
    try:
        log = tmp_path / "logs" / "0.log"
        fine = executor.start(Command((sys.executable, "-c", "print(__import__('os').environ['A'])"), {"A": "b"}, log))
        sweeps.wait_for(lambda: fine.poll() is not None, "the end")
        assert fine.poll() == 0
        assert log.read_text() == "b\n"
        impossible = executor.start(Command((sys.executable, "\0"), {}, log))
        missing = executor.start(Command(("/no/such/program",), {}, log))
        stopped = executor.start(Command(("sleep", "100"), {}, log))
        for handle in (missing, impossible):
            sweeps.wait_for(lambda handle=handle: handle.poll() is not None, "the end")
        executor.stop([stopped])
        assert missing.poll() == 1
        assert "/no/such/program: No such file" in log.read_text()
        assert "it cannot be started on its node: ValueError('embedded null byte')" in log.read_text()
        assert impossible.poll() == NOT_STARTED
    finally:
        executor.close()


def test_a_cluster_that_is_not_there_is_refused_in_one_line(token: dict[str, str]) -> None:
    from intraday_rl.core.errors import SweepError
    from intraday_rl.sweeps.executors.ray import Ray

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(SweepError, match="cannot be joined") as refusal:
        Ray(address=address, num_cpus=1.0, memory_mib=None, num_gpus=0.0).open(None)
    assert "\n" not in str(refusal.value)
