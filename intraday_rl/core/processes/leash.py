"""A command that dies with the process that started it: `python -I -S leash.py PARENT COMMAND [ARGUMENT ...]`.

It leads its process group, starts the command in it, and ends as the command ended. What the command had started and
left behind is killed then; all of the group is killed when the parent dies, for which it asks the system. Only Linux
offers this; elsewhere it becomes the command, which may outlive a parent that was killed. Signals that ask to end are
for the command, which gets them itself. Nothing of the package is imported.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
PARENT_DIED = signal.SIGUSR1
AWAITED = (PARENT_DIED, signal.SIGCHLD)


def main(parent: int, command: list[str]) -> None:
    """Carry out the command until it ends, or the parent dies."""
    if sys.platform != "linux":
        become(command)
    own = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, (*ASKING, *AWAITED))
    die_with(parent, PARENT_DIED)
    child = os.fork()
    if child == 0:
        for number in IGNORED_BY_PYTHON:
            signal.signal(number, signal.SIG_DFL)
        die_with(own, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*ASKING, *AWAITED))
        become(command)
    for number in ASKING:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)
    end_as(status_of(child))


def status_of(child: int) -> int:
    """Return how the command ended; if the parent dies first, all of the group is killed, this process too."""
    while True:
        if signal.sigwait(AWAITED) == PARENT_DIED:  # a handler could come too late for a wait that has just begun
            os.killpg(0, signal.SIGKILL)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)


def die_with(parent: int, number: int) -> None:
    """Ask for a signal at the parent's death; end at once if it is dead."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGKILL)


def become(command: list[str]) -> None:
    """Go on as the command."""
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


def end_as(status: int) -> None:
    """Kill what is left of the process group, then end with the exit status, or by the signal."""
    group = os.getpgid(0)
    with contextlib.suppress(OSError):  # nobody is left
        os.setpgid(0, os.getpgid(os.getppid()))
        os.killpg(group, signal.SIGKILL)
    if status < 0:
        with contextlib.suppress(OSError):  # SIGKILL cannot be set
            signal.signal(-status, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
