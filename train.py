"""Train, judge and report: `python train.py --help`."""

import gc
import sys
from pathlib import Path
from typing import Any

from intraday_rl.app.cli import run


def train(config: dict[str, Any], run_folder: Path, overrides: list[str]) -> object:
    """Train an agent, judge it on sessions it never saw, and write the report."""
    from intraday_rl.app.train import train

    return train(config, run_folder, overrides)


if __name__ == "__main__":
    status = run(train, sys.argv[1:])
    gc.freeze()  # else the interpreter looks for garbage in all that was imported, which takes a second and more
    sys.exit(status)
