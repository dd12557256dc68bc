"""Run a script of the project up to its first training step: `python first_step.py SCRIPT ARGUMENTS`.

The script runs as it always does. When it opens monitor.csv, everything it needs is imported and nothing is trained
yet: the environment's step is then replaced by one that ends the process, with status 0, once it has returned.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

ENVIRONMENT = "intraday_rl.env.normalize"


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: replace the step once monitor.csv is opened."""
    if event == "open" and str(arguments[0]).endswith("monitor.csv"):
        environment = sys.modules[ENVIRONMENT].RunningNormalize
        step_wait = environment.step_wait

        def last_step(env: Any) -> None:
            step_wait(env)
            os._exit(0)

        environment.step_wait = last_step


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    sys.addaudithook(watch)
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit("the script ended before its first training step")
