"""Who proposes the parameters of the next trial, and how each divides its budget of trials.

Conventions: the process that makes a study uses the seed itself, so its proposals are Optuna's own at that seed. Every
later process, after an interruption or on another machine, draws a seed of its own from it: two samplers with one seed
would propose the same parameters.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from intraday_rl.core import checks
from intraday_rl.core.errors import ConfigError
from intraday_rl.sweeps.space import Choice, Dimension, Interval

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

STARTUP_SHARE = 4  # at most a quarter of the trials are drawn at random before a model proposes
GENERATIONS = 8  # that a population's size leaves room for
POPULATION = (8, 50)  # smallest and largest of a size that is not given
MOST_GP_TRIALS = 500  # a Gaussian process costs the cube of the number of trials


class SamplerParameters(Protocol):
    """Parameters of a sampler."""

    seed: int

    def build(self, seed: int, n_trials: int, space: Sequence[Dimension]) -> BaseSampler:
        """Return the sampler for a budget of trials."""

    def budget(self, n_trials: int, space: Sequence[Dimension]) -> str:
        """Return in words how the budget is divided; refuse one that it cannot use."""


class Tpe(NamedTuple):
    """Tree-structured Parzen estimator: for small budgets, and for choices as well as for numbers."""

    seed: int
    startup_trials: int  # drawn at random first, at most a quarter of the budget

    def check(self) -> None:
        """Refuse impossible numbers."""
        _check_seed(self.seed)
        checks.at_least("hparams.sampler", "startup_trials", self.startup_trials, 1, "trials")

    def build(self, seed: int, n_trials: int, space: Sequence[Dimension]) -> BaseSampler:
        """Return the sampler for a budget of trials."""
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed, n_startup_trials=_startup(self.startup_trials, n_trials))

    def budget(self, n_trials: int, space: Sequence[Dimension]) -> str:
        """Return in words how the budget is divided."""
        return f"TPE: {_startup(self.startup_trials, n_trials)} of {n_trials} trials at random, then by its model"


class Gp(NamedTuple):
    """Gaussian process with expected hypervolume improvement: for few trials of few dimensions."""

    seed: int
    startup_trials: int  # drawn at random first, at most a quarter of the budget

    def check(self) -> None:
        """Refuse impossible numbers."""
        _check_seed(self.seed)
        checks.at_least("hparams.sampler", "startup_trials", self.startup_trials, 1, "trials")

    def build(self, seed: int, n_trials: int, space: Sequence[Dimension]) -> BaseSampler:
        """Return the sampler for a budget of trials."""
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import GPSampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return GPSampler(seed=seed, n_startup_trials=_startup(self.startup_trials, n_trials))

    def budget(self, n_trials: int, space: Sequence[Dimension]) -> str:
        """Return in words how the budget is divided; refuse one whose proposals would take minutes."""
        if n_trials > MOST_GP_TRIALS:
            raise ConfigError(
                f"hparams.n_trials must be <= {MOST_GP_TRIALS} with hparams/sampler=gp (the time of a proposal grows "
                f"with its cube), was {n_trials}; take hparams/sampler=tpe"
            )
        startup = _startup(self.startup_trials, n_trials)
        return f"Gaussian process: {startup} of {n_trials} trials at random, then by its model"


class Nsga2(NamedTuple):
    """NSGA-II: a genetic algorithm, for two objectives and many cheap trials."""

    seed: int
    population_size: int | None  # trials of a generation; None = an eighth of the budget, within 8 and 50

    def check(self) -> None:
        """Refuse impossible numbers."""
        _check_population(self)

    def build(self, seed: int, n_trials: int, space: Sequence[Dimension]) -> BaseSampler:
        """Return the sampler for a budget of trials."""
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(seed=seed, population_size=_population(self.population_size, n_trials))

    def budget(self, n_trials: int, space: Sequence[Dimension]) -> str:
        """Return in words how the budget is divided; refuse a population that leaves no second generation."""
        return _generations("NSGA-II", self.population_size, n_trials)


class Nsga3(NamedTuple):
    """NSGA-III: a genetic algorithm, for three objectives and more, and many cheap trials."""

    seed: int
    population_size: int | None  # trials of a generation; None = an eighth of the budget, within 8 and 50

    def check(self) -> None:
        """Refuse impossible numbers."""
        _check_population(self)

    def build(self, seed: int, n_trials: int, space: Sequence[Dimension]) -> BaseSampler:
        """Return the sampler for a budget of trials."""
        from optuna.samplers import NSGAIIISampler

        return NSGAIIISampler(seed=seed, population_size=_population(self.population_size, n_trials))

    def budget(self, n_trials: int, space: Sequence[Dimension]) -> str:
        """Return in words how the budget is divided; refuse a population that leaves no second generation."""
        return _generations("NSGA-III", self.population_size, n_trials)


class Grid(NamedTuple):
    """Every combination once, in a random order."""

    seed: int  # of the order

    def check(self) -> None:
        """Refuse an impossible seed."""
        _check_seed(self.seed)

    def build(self, seed: int, n_trials: int, space: Sequence[Dimension]) -> BaseSampler:
        """Return the sampler; its order is that of its own seed, so that every process follows the same."""
        from optuna.samplers import GridSampler

        class EveryCell(GridSampler):
            """Optuna's, which stops no loop at the last cell: a study ends by its number of trials."""

            def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
                pass

        return EveryCell({dimension.key: list(_cells(dimension)) for dimension in space}, seed=self.seed)

    def budget(self, n_trials: int, space: Sequence[Dimension]) -> str:
        """Return in words how much of the grid is tried; refuse more trials than it has cells."""
        cells = grid_size(space)
        if n_trials > cells:
            raise ConfigError(f"hparams.n_trials must be <= {cells}, the cells of the grid, was {n_trials}")
        return f"grid: {n_trials} of {cells} cells"


def grid_size(space: Sequence[Dimension]) -> int:
    """Return the number of combinations.

    Raises:
        ConfigError: a dimension has no countable values.
    """
    return math.prod(len(_cells(dimension)) for dimension in space)


def derived_seed(seed: int, *origin: int) -> int:
    """Return a seed that another process of the study uses."""
    from intraday_rl.core import seeding

    return seeding.integer(seed, "sweep", *(str(part) for part in origin))


def _cells(dimension: Dimension) -> Sequence[float | int | str | bool | None]:
    if isinstance(dimension, Choice):
        return dimension.values
    return _steps(dimension)


def _steps(interval: Interval) -> Sequence[float | int]:
    step = interval.step or (1 if interval.is_integer else None)
    if step is None or interval.is_log:
        raise ConfigError(f"{interval.key}: a grid needs countable values: a choice(…), or an interval with a step")
    count = math.floor((interval.high - interval.low) / step + 1e-9) + 1
    values = [interval.low + i * step for i in range(count)]
    return [int(value) for value in values] if interval.is_integer else values


def _startup(wanted: int, n_trials: int) -> int:
    return max(1, min(wanted, n_trials // STARTUP_SHARE))


def _population(given: int | None, n_trials: int) -> int:
    low, high = POPULATION
    return given if given is not None else max(low, min(high, n_trials // GENERATIONS))


def _generations(name: str, given: int | None, n_trials: int) -> str:
    size = _population(given, n_trials)
    if 2 * size > n_trials:
        raise ConfigError(
            f"hparams.n_trials must be at least two generations of {name}, was {n_trials} with a population of {size}; "
            "take more trials, a smaller hparams.sampler.population_size, or hparams/sampler=tpe"
        )
    return f"{name}: generations of {size}, {n_trials // size} of them in {n_trials} trials; the first is random"


def _check_seed(seed: int) -> None:
    checks.within("hparams.sampler", "seed", seed, 0, 2**32 - 1)


def _check_population(parameters: Nsga2 | Nsga3) -> None:
    _check_seed(parameters.seed)
    if parameters.population_size is not None:
        checks.at_least("hparams.sampler", "population_size", parameters.population_size, 2, "trials")
