"""Trainings in processes of their own: train.py is stood in for by small scripts."""

import os
import select
import subprocess
import sys
import time

import pytest

from intraday_rl.app.command_line import processes
from intraday_rl.app.command_line.processes import start_training
from intraday_rl.core.processes import children, stop

WORDS = "import os, sys; print(*sys.argv[1:], os.environ['MORE'], os.getpgid(0) == os.getpid(), sys.stdin.read() == '')"
PARENT = (  # with a process of its own, which holds the pipe too
    "import subprocess, sys, time\n"
    "subprocess.Popen(['sleep', '60'], pass_fds=[int(sys.argv[1])])\n"
    "print(1, flush=True)\n"
    "time.sleep(60)\n"
)
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Return a function that starts a script as train.py; what it says goes to a file."""
    monkeypatch.setattr(processes, "PROJECT", tmp_path)
    log = tmp_path / "log"

    def start(text, *arguments, kept_open=()):
        (tmp_path / "train.py").write_text(text)
        with log.open("wb") as output:
            process = start_training(arguments, output=output, environment={"MORE": "more"}, kept_open=kept_open)
            return process, log

    return start


def wait_for_a_line(log):
    for _ in range(1000):
        if log.read_text().endswith("\n"):
            return
        time.sleep(0.01)
    raise AssertionError("the script said nothing")


def test_training_gets_arguments_and_variables_in_its_own_process_group(script):
    process, log = script(WORDS, "seed=1", "a=b c")
    assert process.wait() == 0
    assert log.read_text() == "seed=1 a=b c more True True\n"


def test_what_a_training_says_of_errors_is_in_the_same_place(script):
    process, log = script("import sys; sys.exit('error: no money')")
    assert process.wait() == 1
    assert log.read_text() == "error: no money\n"


def test_stop_ends_processes_with_all_that_they_started(script):
    reader, writer = os.pipe()
    process, log = script(PARENT, str(writer), kept_open=[writer])
    os.close(writer)
    wait_for_a_line(log)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stop([process, ended])
    assert process.returncode == -15
    assert select.select([reader], [], [], 10.0)[0]
    assert os.read(reader, 1) == b""  # nobody holds the other end
    os.close(reader)


def test_process_that_does_not_listen_is_killed(script, monkeypatch):
    monkeypatch.setattr(children, "GRACE_SECONDS", 0.1)
    process, log = script(STUBBORN)
    wait_for_a_line(log)
    stop([process])
    assert process.returncode == -9
