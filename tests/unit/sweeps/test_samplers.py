import itertools

import optuna
import pytest

from intraday_rl.core.errors import IntradayError
from intraday_rl.sweeps.outcomes import Outcome
from intraday_rl.sweeps.samplers import Gp, Grid, Nsga2, Nsga3, Tpe, derived_seed, grid_size
from intraday_rl.sweeps.space import Choice, Interval
from tests.support.small_studies import F1, X, definition, open_study

CELLS = (Choice("a", (1, 2, 3)), Choice("b", ("x", None)))


@pytest.mark.parametrize(
    ("sampler", "n_trials", "words"),
    [
        (Tpe(0, 10), 1000, "TPE: 10 of 1000 trials at random"),
        (Tpe(0, 10), 40, "TPE: 10 of 40 trials at random"),
        (Tpe(0, 10), 20, "TPE: 5 of 20 trials at random"),
        (Tpe(0, 10), 1, "TPE: 1 of 1 trials at random"),
        (Gp(0, 10), 500, "Gaussian process: 10 of 500 trials at random"),
        (Nsga2(0, None), 16, "NSGA-II: generations of 8, 2 of them in 16 trials"),
        (Nsga2(0, None), 200, "NSGA-II: generations of 25, 8 of them in 200 trials"),
        (Nsga3(0, None), 1000, "NSGA-III: generations of 50, 20 of them in 1000 trials"),
        (Nsga3(0, 4), 9, "NSGA-III: generations of 4, 2 of them in 9 trials"),
        (Grid(0), 6, "grid: 6 of 6 cells"),
        (Grid(0), 2, "grid: 2 of 6 cells"),
    ],
    ids=str,
)
def test_budget_says_how_the_trials_are_divided(sampler, n_trials, words):
    assert sampler.budget(n_trials, CELLS).startswith(words)


@pytest.mark.parametrize(
    ("sampler", "n_trials", "words"),
    [
        (Gp(0, 10), 501, "hparams.n_trials must be <= 500 with hparams/sampler=gp .* was 501"),
        (Nsga2(0, None), 15, "two generations of NSGA-II, was 15 with a population of 8"),
        (Nsga3(0, 20), 39, "two generations of NSGA-III, was 39 with a population of 20"),
        (Grid(0), 7, "hparams.n_trials must be <= 6, the cells of the grid, was 7"),
    ],
    ids=str,
)
def test_budget_that_a_sampler_cannot_use_is_refused(sampler, n_trials, words):
    with pytest.raises(IntradayError, match=words):
        sampler.budget(n_trials, CELLS)


@pytest.mark.parametrize("dimension", [X, Interval("x", 1.0, 8.0, True, True, None)], ids=str)
def test_grid_of_uncountable_values_is_refused(dimension):
    with pytest.raises(IntradayError, match="x: a grid needs countable values"):
        Grid(0).budget(1, (dimension,))


@pytest.mark.parametrize(
    "sampler", [Tpe(-1, 10), Tpe(0, 0), Gp(2**32, 10), Gp(0, 0), Nsga2(-1, None), Nsga2(0, 1), Nsga3(0, 0), Grid(-1)]
)
def test_impossible_parameters_are_refused(sampler):
    with pytest.raises(IntradayError, match=r"hparams.sampler"):
        sampler.check()


def test_grid_size_counts_the_steps_of_intervals():
    tenths = Interval("x", 0.0, 0.9, False, False, 0.1)  # 0, 0.1, ... 0.9
    assert grid_size((tenths,)) == 10
    assert grid_size(CELLS) == 6
    assert grid_size((Interval("n", 1.0, 7.0, True, False, 2.0), Interval("m", 1.0, 2.0, True, False, None))) == 8


def test_grid_tries_every_cell_once_also_over_interruptions(tmp_path):
    space = (*CELLS, Interval("n", 1.0, 3.0, True, False, 2.0), Interval("z", 0.0, 0.2, False, False, 0.1))
    cells = set(itertools.product((1, 2, 3), ("x", None), (1, 3), (0.0, 0.1, 0.2)))
    seen = []
    what = definition(space, (F1,))
    for trials in (5, 7, 24):  # a process ends after so many
        study = open_study(tmp_path, what, 36, Grid(0))
        for trial in itertools.islice(iter(study.propose, None), trials):
            seen.append(tuple(trial.params.values()))
            study.complete(trial, Outcome((1.0,), {}), {})
    assert study.propose() is None
    assert len(seen) == 36
    assert set(seen) == cells


@pytest.mark.parametrize(
    ("sampler", "theirs"),
    [
        (Tpe(7, 4), lambda: optuna.samplers.TPESampler(seed=7, n_startup_trials=4)),
        (Nsga2(7, None), lambda: optuna.samplers.NSGAIISampler(seed=7, population_size=8)),
        (Nsga3(7, 8), lambda: optuna.samplers.NSGAIIISampler(seed=7, population_size=8)),
        pytest.param(Gp(7, 2), lambda: optuna.samplers.GPSampler(seed=7, n_startup_trials=2), marks=pytest.mark.slow),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_proposals_are_optunas_own_at_that_seed(tmp_path, sampler, theirs):
    n_trials = 8 if isinstance(sampler, Gp) else 24  # startup: a quarter at most
    mine = open_study(tmp_path, definition(), n_trials, sampler)
    theirs = optuna.create_study(directions=["minimize"] * 2, sampler=theirs())
    for _ in range(n_trials):
        one, other = mine.propose(), theirs.ask(mine._distributions)
        assert one.params == other.params
        values = (one.params["x"] ** 2, 1 - one.params["y"])
        mine.complete(one, Outcome(values, {}), {})
        theirs.tell(other, values)
    assert mine.propose() is None


def test_derived_seeds_differ_by_seed_and_origin_and_are_the_same_again():
    seeds = [derived_seed(0, 3), derived_seed(0, 4), derived_seed(1, 3), derived_seed(0, 3, 1), derived_seed(0, 31)]
    assert len(set(seeds)) == 5
    assert derived_seed(0, 3) == seeds[0]
    assert all(0 <= seed < 2**32 for seed in seeds)
