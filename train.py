"""Train, judge and report: `python train.py --help`."""

import sys
from pathlib import Path
from typing import Any

from intraday_rl.app.cli import run


def train(config: dict[str, Any], run_folder: Path, overrides: list[str]) -> object:
    """Train an agent, judge it on sessions it never saw, and write the report."""
    from intraday_rl.app.train import train

    return train(config, run_folder, overrides)


if __name__ == "__main__":
    sys.exit(run(train, sys.argv[1:]))
