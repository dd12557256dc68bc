"""At which step each run of this study first earned 90 % of the optimum: `python experiments/warm_start/steps.py`."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pandas as pd

OPTIMUM_USD = 248.4  # per session, 100 shares: the dynamic program of the tests
SHARE = 0.9
VALIDATION_SESSIONS = 319  # as every run of the study says when it starts
RUNS = Path(__file__).parent / "runs"


def steps_of(run: Path) -> float:
    """Return the step of the first evaluation at or above the share; infinity where there is none."""
    curve = pd.read_csv(run / "validation.csv")
    reached = curve["step"][curve["validation/net_pnl_usd"] / VALIDATION_SESSIONS >= SHARE * OPTIMUM_USD]
    return float(reached.min()) if len(reached) else math.inf


def main() -> None:
    """Print the steps of each run, and the median of each row."""
    for row in sorted(path for path in RUNS.iterdir() if path.is_dir()):
        steps = [steps_of(run) for run in sorted(row.iterdir()) if run.is_dir()]
        print(f"{row.name}: {', '.join(f'{step:,.0f}' for step in steps)}; median {statistics.median(steps):,.0f}")


if __name__ == "__main__":
    main()
