"""The front of problems whose front is known, found by the sweeper itself through commands of its own.

ZDT1's front is f2 = 1 - sqrt(f1): its hypervolume at the reference 1.1 is 1.21 minus the integral of what lies below,
1.21 - (1 - 2/3) = 0.876667. DTLZ2's front is an eighth of the unit ball: 1.1^3 - pi / 6.
"""

from __future__ import annotations

import math

import pytest

from intraday_rl.app.command_line.groups import PROJECT
from intraday_rl.sweeps.definition import Objective
from intraday_rl.sweeps.results.front import hypervolume
from tests.support.sweep_runs import of_command, run, study_folder, trials

pytestmark = pytest.mark.slow

COMMAND = PROJECT / "tests" / "support" / "zdt.py"


@pytest.mark.parametrize(
    ("problem", "n_variables", "n_objectives", "n_trials", "limit"),
    [("zdt1", 3, 2, 1000, 0.97 * (1.21 - 1.0 / 3.0)), ("dtlz2", 4, 3, 900, 0.95 * (1.1**3 - math.pi / 6))],
)
def test_sweeper_finds_the_known_front(tmp_path, problem, n_variables, n_objectives, n_trials, limit):
    names = [f"f{i + 1}" for i in range(n_objectives)]
    with study_folder() as folder:
        space = [f"x{i}=interval(0,1)" for i in range(n_variables)]
        sizes = [f"hparams.n_trials={n_trials}", "hparams.n_workers=1"]
        run(of_command(folder, [COMMAND, problem], names, *space, *sizes), tmp_path / "log")
        found = trials(folder)
    assert len(found) == n_trials
    values = [trial.values for trial in found]
    volume = hypervolume(values, [Objective(name, "minimize", None, 1.1) for name in names])
    print(f"{problem}: hypervolume {volume:.4f}, at least {limit:.4f}")
    assert volume >= limit
