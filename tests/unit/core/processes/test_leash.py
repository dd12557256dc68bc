"""The leash: what it starts dies with the process that asked for it, and ends as if it had been started directly."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from intraday_rl.core.processes import start, stop
from intraday_rl.core.processes.children import LEASH

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system tells of a parent's death on Linux alone")

FAMILY = "sleep 60 & echo $! >> pids; setsid true; sleep 61 & echo $! >> pids; echo $$ >> pids; wait"
PARENT = (
    "import sys, time\n"
    "from intraday_rl.core.processes import start\n"
    "start(sys.argv[1:], on_leash=True)\n"
    "time.sleep(60)\n"
)


def family(folder: Path) -> list[int]:
    """Return the process numbers of the three, as soon as they are at work."""
    for _ in range(1000):
        lines = (folder / "pids").read_text().split() if (folder / "pids").exists() else []
        if len(lines) == 3:
            return [int(line) for line in lines]
        time.sleep(0.01)
    raise AssertionError("nobody came")


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def are_gone(pids: list[int]) -> bool:
    for _ in range(500):
        if not any(is_alive(pid) for pid in pids):
            return True
        time.sleep(0.01)
    return False


def shell(folder, text, *, output=None):
    return start(["bash", "-c", f"cd {folder}; {text}"], on_leash=True, output=output)


@pytest.mark.parametrize(
    ("text", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -15 $$", -15), ("kill -11 $$", -11), ("kill -2 $$", -2)],
)
def test_command_on_a_leash_ends_as_it_would_by_itself(tmp_path, text, status):
    assert shell(tmp_path, text).wait(30) == status


def test_killed_parent_leaves_no_process(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, "bash", "-c", f"cd {tmp_path}; {FAMILY}"])
    pids = family(tmp_path)
    parent.kill()
    parent.wait()
    assert are_gone(pids)


def test_parent_that_is_dead_already_gets_no_command(tmp_path):
    command = ["bash", "-c", f"touch {tmp_path}/begun"]
    leash = subprocess.run([sys.executable, "-I", "-S", str(LEASH), "1", *command], check=False)
    assert leash.returncode == 128 + signal.SIGKILL
    assert not (tmp_path / "begun").exists()


def test_missing_program_is_named_in_one_line(tmp_path):
    with (tmp_path / "log").open("wb") as output:
        assert start(["no_such_program", "x"], on_leash=True, output=output).wait(30) == 1
    assert (tmp_path / "log").read_text() == "no_such_program: No such file or directory\n"


def test_what_a_command_leaves_behind_is_killed_at_its_end(tmp_path):
    process = shell(tmp_path, FAMILY.replace("wait", "exit 4"))
    assert process.wait(30) == 4
    assert are_gone(family(tmp_path))


@pytest.mark.parametrize("victim", ["leash", "command"])
def test_killed_command_or_leash_ends_the_command_and_is_told_as_such(tmp_path, victim):
    process = shell(tmp_path, FAMILY)
    pids = family(tmp_path)
    os.kill(process.pid if victim == "leash" else pids[2], signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    stopped = pids[2:] if victim == "leash" else pids
    assert are_gone(stopped)
    stop([process])
    for pid in pids:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)


def test_stop_lets_the_command_clean_up_and_tells_its_own_status(tmp_path):
    process = shell(tmp_path, "trap 'touch cleaned; exit 143' TERM; " + FAMILY.replace("wait", "wait; wait"))
    pids = family(tmp_path)
    stop([process])
    assert process.returncode == 143
    assert (tmp_path / "cleaned").exists()
    assert are_gone(pids)


def test_broken_pipe_ends_the_command_as_usual(tmp_path):
    assert shell(tmp_path, "yes | head -1 > /dev/null; exit ${PIPESTATUS[0]}").wait(30) == 128 + signal.SIGPIPE
