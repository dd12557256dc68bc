"""What the benchmarks run on, and how contenders are timed: in turn, again and again, the best of each.

The speed of a shared machine drifts within minutes. Contenders are therefore measured in rounds (A B C, A B C, ...),
the fastest round of each counts, and figures are compared as ratios of one run. As a script it prints the machine line.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
QUIET_LOAD = 0.3  # processes; above it others take part of the machine, and the figures are not worth keeping


def use_one_thread() -> None:
    """Let every library use one thread. Call it before numpy and torch are imported: they look only once."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"


def use_one_core() -> None:
    """Let every library use one thread, and keep the process on one core where the system can do that."""
    use_one_thread()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def machine_line() -> str:
    """Return one line: processor, cores, versions, threads, and how busy the machine is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "torch", "stable_baselines3"))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    busy = "" if load < QUIET_LOAD else " (busy: do not keep these figures)"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {cores} in use, Python {platform.python_version()}, {packages}, "
        f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}, load {load:.2f}{busy}"
    )


def best_of(contenders: Mapping[str, Callable[[], int]], repeats: int) -> dict[str, float]:
    """Return the best rate of each contender, steps per second.

    Args:
        contenders: functions that do some steps and return how many; each is called once before, to be compiled.
        repeats: rounds; each contender is timed once a round, in order.
    """
    for contender in contenders.values():
        contender()
    best = dict.fromkeys(contenders, 0.0)
    for _ in range(repeats):
        for name, contender in contenders.items():
            start = time.perf_counter()
            steps = contender()
            best[name] = max(best[name], steps / (time.perf_counter() - start))
    return best


def peak_memory_gb() -> float:
    """Return the largest resident memory this process has had, GB (1e9 bytes); NaN where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e9


def forget_peak_memory() -> None:
    """Let `peak_memory_gb` count from now on; only Linux can do that."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def verdict(measured: float, limit: float, at_most: bool = False) -> str:
    """Return "met" or "not met"."""
    return "met" if (measured <= limit if at_most else measured >= limit) else "not met"


def _processor() -> str:
    """Return the processor's name; Linux keeps it in a file."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    print(machine_line())
