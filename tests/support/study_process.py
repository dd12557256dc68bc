"""A process that works on a study without a sweep around it: `study_process.py ADDRESS STUDY N_TRIALS START`.

It begins at the time START, so that several begin at once, and prints the numbers of the trials that it completed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.outcomes import Outcome
from intraday_rl.sweeps.samplers import Tpe
from intraday_rl.sweeps.space import Interval
from intraday_rl.sweeps.storage import open_storage
from intraday_rl.sweeps.study import Definition, SweepStudy

if __name__ == "__main__":
    import optuna  # noqa: F401  before the start: the processes are to meet in the database

    address, name, n_trials, start = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    space = (Interval("x", 0.0, 1.0, False, False, None),)
    definition = Definition(name, space, (Objective("f1", "minimize", None, 1.0),), (), (0,), {})
    time.sleep(max(0.0, start - time.time()))
    study = SweepStudy(open_storage(address, Path()), definition, Tpe(seed=0, startup_trials=10), n_trials, 20.0)
    while (trial := study.propose()) is not None:
        study.complete(trial, Outcome((trial.params["x"],), {}), {})
        print(trial.number, flush=True)
