"""Processes on the nodes of a Ray cluster, one thread each; they die with the sweep, however it ends.

Conventions: every node sees the project's folder, with its environment, under the same path (a shared file system). A
command has an actor of Ray's to itself, which starts it, waits for it and ends it. It gets the sweep's environment
variables, but for those that the node has itself. A command whose node is lost counts as ended by SIGKILL.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from intraday_rl.core import checks, processes
from intraday_rl.core.errors import ConfigError, SweepError
from intraday_rl.sweeps.executors.base import Command

MIB = 2**20
STORE_MIB = 100  # of a cluster of the sweep's own, for Ray's objects: there are next to none
STOP_SECONDS = 40.0  # until what did not end when it was told to is killed; more than it is given on its node
ANSWER_SECONDS = 10.0  # how long the head of a cluster may take to answer
NOT_STARTED = 127  # exit status of a command that cannot be started, as shells have it
CLIENT = "ray://"


class Ray(NamedTuple):
    """Parameters of the executor."""

    address: str | None  # HOST:PORT of a running cluster, or auto; None = a cluster of the sweep's own, on this machine
    num_cpus: float  # cores of a trial
    memory_mib: int | None  # memory of a trial, by which it is placed; None = it is placed without regard to memory
    num_gpus: float  # of a trial; below 1, trials share one

    def check(self) -> None:
        """Refuse resources that no trial can have."""
        owner = "hparams.executor"
        checks.positive(owner, "num_cpus", self.num_cpus, "cores")
        checks.non_negative(owner, "num_gpus", self.num_gpus, "GPUs")
        if self.memory_mib is not None:
            checks.at_least(owner, "memory_mib", self.memory_mib, 1, "MiB")
        if self.address is not None and self.address.startswith(CLIENT):
            raise ConfigError(
                f"{owner}.address must be HOST:PORT of the cluster's head, or auto, was {self.address}; start the "
                "sweep on a machine of the cluster"
            )

    def open(self, n_workers: int | None) -> RayExecutor:
        """Return the executor, joined to its cluster.

        Args:
            n_workers: how many trials at a time; None = as many as the cluster has room for.

        Raises:
            SweepError: Ray is missing, the cluster cannot be joined, or none of its nodes has room for a trial.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        _ray()
        cluster = _Cluster(self.address)
        try:
            room = self._room(cluster.nodes())
        except BaseException:
            cluster.leave()
            raise
        return RayExecutor(cluster, self._resources(), room if n_workers is None else n_workers)

    def _resources(self) -> dict[str, Any]:
        memory = None if self.memory_mib is None else self.memory_mib * MIB
        return {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus, "memory": memory}

    def _room(self, nodes: Sequence[Mapping[str, float]]) -> int:
        """Return how many trials the nodes have room for at a time."""
        needed = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": (self.memory_mib or 0) * MIB}
        room = sum(
            min(int(node.get(name, 0.0) / amount) for name, amount in needed.items() if amount > 0) for node in nodes
        )
        if room == 0:
            largest = {name: max((node.get(name, 0.0) for node in nodes), default=0.0) for name in needed}
            raise SweepError(
                f"hparams.executor asks for {self.num_cpus:g} CPUs, {self.num_gpus:g} GPUs and {self.memory_mib or 0} "
                f"MiB a trial; no node of the cluster has that (at most {largest['CPU']:g}, {largest['GPU']:g} and "
                f"{largest['memory'] / MIB:.0f} MiB)"
            )
        return room


class RayExecutor:
    """Processes on the nodes of a cluster.

    Attributes:
        capacity: how many at a time.
    """

    def __init__(self, cluster: _Cluster, resources: Mapping[str, Any], capacity: int) -> None:
        """Begin with none."""
        self.capacity = capacity
        self._cluster = cluster
        options = {"max_concurrency": 2, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._place = _ray().remote(**resources, **options)(NodeProcess).remote

    def start(self, command: Command) -> RayHandle:
        """Start a process on a node that has room for it, as soon as there is one."""
        return RayHandle(self._place(command, os.getcwd(), dict(os.environ)), command.log)

    def stop(self, handles: Sequence[RayHandle]) -> None:
        """End processes with all that they started.

        A second Ctrl-C does not wait.
        """
        working = [handle for handle in handles if handle.poll() is None]
        told = [handle.actor.stop.remote() for handle in working if handle.is_placed()]
        try:
            if told:
                _ray().wait(told, num_returns=len(told), timeout=STOP_SECONDS)
        finally:
            for handle in working:
                handle.kill()

    def close(self) -> None:
        """Leave the cluster; one of the sweep's own ends."""
        self._cluster.leave()


class RayHandle:
    """A command at work on a node, or waiting for room on one."""

    def __init__(self, actor: Any, log: Path) -> None:
        """Let the command begin."""
        self.actor, self._log = actor, log
        self._placed, self._ended = actor.__ray_ready__.remote(), actor.run.remote()
        self._status: int | None = None

    def is_placed(self) -> bool:
        """Say whether a node has taken it."""
        return _is_there(self._placed)

    def poll(self) -> int | None:
        """Return None while it works, then its exit status: minus the signal's number where one ended it."""
        if self._status is None and _is_there(self._ended):
            self._status = self._read_status()
            self.kill()
        return self._status

    def kill(self) -> None:
        """Give back the node's room; what is still at work there is killed."""
        _ray().kill(self.actor)

    def _read_status(self) -> int:
        ray = _ray()
        try:
            return int(ray.get(self._ended))
        except ray.exceptions.RayTaskError as error:
            self._say(f"it cannot be started on its node: {error.cause!r}")
            return NOT_STARTED
        except ray.exceptions.RayError:  # the node, or Ray's process on it, is gone
            return -signal.SIGKILL

    def _say(self, line: str) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")


class NodeProcess:
    """The process of a command, seen from its node."""

    def __init__(self, command: Command, folder: str, environment: Mapping[str, str]) -> None:
        """Begin without a process.

        Args:
            command: to carry out.
            folder: in which it works.
            environment: variables of the sweep, for those that the node does not have.
        """
        self._command, self._folder, self._environment = command, folder, environment
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self) -> int:
        """Start the process and return its exit status.

        The thread that starts a process waits for it too: the system ends the process when that thread ends.
        """
        with self._starting:
            if self._is_stopped:
                return -signal.SIGTERM
            self._process = self._start()
        return self._process.wait()

    def stop(self) -> None:
        """End the process with all that it started."""
        with self._starting:
            self._is_stopped = True
        if self._process is not None:
            processes.stop([self._process])

    def _start(self) -> subprocess.Popen[bytes]:
        os.chdir(self._folder)
        command = self._command
        command.log.parent.mkdir(parents=True, exist_ok=True)
        missing = {name: value for name, value in self._environment.items() if name not in os.environ}
        with command.log.open("ab") as output:
            return processes.start(
                command.arguments,
                output=output,
                environment={**missing, **processes.ONE_THREAD, **command.environment},
                on_leash=True,
            )


class _Cluster:
    """The connection to a cluster of Ray's."""

    def __init__(self, address: str | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ray_")) if address is None else None
        try:
            self._join(address)
        except Exception as error:  # of Ray, of its gRPC and of its processes
            self.leave()
            if address is None:
                raise SweepError(f"Ray does not start on this machine: {_first_line(error)}") from error
            raise SweepError(
                f"hparams.executor.address={address} cannot be joined: {_first_line(error)}; is it up, and "
                "RAY_AUTH_MODE the same here as there? See docs/scaling.md"
            ) from error

    def _join(self, address: str | None) -> None:
        if address is not None:
            _knock(address)
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        with _own_signals():
            if address is not None:
                _ray().init(address=address, **quiet)
                return
            _ray().init(
                address="local",
                num_cpus=processes.usable_cores(),
                object_store_memory=STORE_MIB * MIB,
                include_dashboard=False,
                _temp_dir=str(self._folder),
                **quiet,
            )

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of every node that is alive."""
        return [node["Resources"] for node in _ray().nodes() if node["Alive"]]

    def leave(self) -> None:
        """Leave it; one of the sweep's own ends, and what it wrote is removed."""
        _ray().shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep Ray from answering SIGTERM in this process's place."""
    former = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, former)


def _ray() -> Any:
    """Return Ray's module.

    Raises:
        SweepError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise SweepError("hparams/executor=ray needs Ray: pip install -e '.[scaling]'") from error
    return ray


def _knock(address: str) -> None:
    """Find out whether anything listens at HOST:PORT: Ray itself goes on asking for many minutes.

    Raises:
        OSError: nothing does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()


def _is_there(reference: Any) -> bool:
    return bool(_ray().wait([reference], timeout=0)[0])


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
