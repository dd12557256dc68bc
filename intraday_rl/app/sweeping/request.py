"""What the command line of a sweep asks for: what is fixed, what is searched, how often each trial is repeated.

Conventions: an override with several values is a dimension, and takes the place of the preset's of the same key; an
override with one value takes the dimension out. `seed=0,1,2` and `seeds=3` are repetitions. Costs, data and judgement
cannot be searched: trials would not be comparable, and the cheapest market would win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Override

from intraday_rl.app.build import build_plan
from intraday_rl.app.command_line.overrides import is_hydras, parse
from intraday_rl.app.command_line.settings import SEED_END
from intraday_rl.app.compose import check_plan, compose
from intraday_rl.app.sweeping.dimensions import dimension_of, read_dimension
from intraday_rl.app.sweeping.settings import SweepSettings, read_settings
from intraday_rl.core.errors import ConfigError, IntradayError
from intraday_rl.core.hashing import hash_file
from intraday_rl.sweeps.space import Dimension, Interval, override
from intraday_rl.sweeps.study import Definition

GROUP = "hparams"
SEED, SEEDS = "seed", "seeds"
NOT_SEARCHED = {
    "market": "costs are the same for every trial",
    "data": "every trial trades the same sessions",
    "evaluation": "every trial is judged alike",
    "criteria": "every trial is judged alike",
    "env.initial_capital_usd": "drawdowns are fractions of it, and sizes have limits in shares",
    "experiment": "it may switch costs and data",
    "debug": "it may switch costs and data",
}
NO_SETTING = ("tracking", "checkpoint", "plugins", "name", "progress", "resume", "checklist", GROUP)
IRRELEVANT = (*NO_SETTING, SEED)  # parts of a configuration in which trials of one study may differ
OF_ANY_SWEEP = (SEED, "name", "progress", "tracking")  # what the trials' command need not know
MARKET_SEED = "data.source.seed"
EXPERIMENT = "tracking.study"
JUDGED_ON = "evaluation.judge_on"


@dataclass(frozen=True)
class SweepRequest:
    """What a sweep is to do.

    Attributes:
        settings: those of `hparams`.
        space: the dimensions, in order.
        seeds: of the repetitions of each trial.
        fixed: overrides of train.py that every trial has.
        config: the composed configuration of a trial without its parameters; of a command of the user's, the default.
        data_files: digests of the files of bars that every trial reads, by name.
    """

    settings: SweepSettings
    space: tuple[Dimension, ...]
    seeds: tuple[int, ...]
    fixed: tuple[str, ...]
    config: dict[str, Any]
    data_files: dict[str, str]

    @property
    def experiment(self) -> str:
        """MLflow's experiment: the study's name, unless the command line gives another."""
        own = any(text.startswith(f"{EXPERIMENT}=") for text in self.fixed)
        return str(self.config["tracking"]["study"]) if own else self.settings.study

    def definition(self) -> Definition:
        """Return what makes the study."""
        settings = self.settings
        facts: dict[str, Any] = {
            "data_files": self.data_files,
            "command": list(settings.command),
            "early_stop": _described(settings.early_stop),
        }
        if not settings.command:
            facts["config"] = {key: value for key, value in self.config.items() if key not in IRRELEVANT}
        return Definition(settings.study, self.space, settings.objectives, settings.constraints, self.seeds, facts)


def read_request(overrides: Sequence[str]) -> SweepRequest:
    """Return what the command line asks for, checked.

    Raises:
        IntradayError: by the key.
    """
    parsed = parse(overrides)
    _refuse_own_places(parsed)
    given = {o.key_or_group: o for o in parsed if o.is_sweep_override() and o.key_or_group not in (SEED, SEEDS)}
    own = [str(o.input_line) for o in parsed if _is_of(o, GROUP)]
    fixed = [o for o in parsed if not o.is_sweep_override() and not _is_of(o, GROUP) and o.key_or_group != SEEDS]
    texts = [str(o.input_line) for o in fixed]
    preset = compose([*own, *texts])[GROUP]["overrides"]
    trial = [*_preset_overrides(preset, fixed), *texts]
    config = compose([*own, *trial])
    settings = read_settings(config[GROUP])
    seeds = _seeds(parsed, config[SEED], settings.seeds)
    space = _space(config[GROUP]["space"], given, {o.key_or_group for o in fixed})
    settings.sampler.budget(settings.n_trials, space)
    if settings.command:
        _refuse_fixed(trial)
    else:
        trial += _market_seed(config, trial)
        _check_trials(trial, space)
    files = {} if settings.command else _data_files(config)
    return SweepRequest(settings, space, seeds, tuple(trial), config, files)


def _refuse_own_places(parsed: Sequence[Override]) -> None:
    """Refuse settings that a sweep makes itself."""
    for given in parsed:
        if is_hydras(given) or given.key_or_group == JUDGED_ON:
            raise ConfigError(
                f"{given.input_line}: a sweep chooses folders, launcher and judged sessions itself; its folder is "
                "multirun/<hparams.study>"
            )


def _data_files(config: dict[str, Any]) -> dict[str, str]:
    """Return the digests of the files of bars, by name: a study must not go on with others."""
    from intraday_rl.data.files import source_files
    from intraday_rl.data.sessions import parse_date
    from intraday_rl.data.sources import HistoricalFiles

    files = []
    for source in (market.source for market in build_plan(config).markets):
        if isinstance(source, HistoricalFiles):
            days = [None if day is None else parse_date("data", "day", day) for day in (source.start, source.end)]
            files += source_files(source.path, source.symbol, *days)
    return {f"{path.parent.name}/{path.name}": hash_file(path) for path in sorted(files)}


def _is_of(override: Override, group: str) -> bool:
    return override.key_or_group.partition(".")[0].partition("/")[0] == group


def _preset_overrides(preset: Sequence[str], fixed: Sequence[Override]) -> list[str]:
    """Return the preset's overrides, but for those that the command line gives itself."""
    taken = {o.key_or_group for o in fixed}
    return [text for text in preset if parse([text])[0].key_or_group not in taken]


def _seeds(parsed: Sequence[Override], seed: int, repetitions: int) -> tuple[int, ...]:
    seeds = _given_seeds(parsed, seed, repetitions)
    if len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= SEED_END:
        raise ConfigError(
            f"seeds of repetitions must differ and be 0 to {SEED_END - 1}, were {', '.join(map(str, seeds))}"
        )
    return seeds


def _given_seeds(parsed: Sequence[Override], seed: int, repetitions: int) -> tuple[int, ...]:
    several = [o for o in parsed if o.key_or_group == SEED and o.is_sweep_override()]
    counts = [o for o in parsed if o.key_or_group == SEEDS]
    if several and (counts or repetitions > 1):
        raise ConfigError(f"{several[0].input_line}: give the seeds, or their number with seeds=N, not both")
    if several:
        sweep = several[0].value()
        if not isinstance(sweep, ChoiceSweep) or not all(type(value) is int for value in sweep.list):
            raise ConfigError(f"{several[0].input_line}: seeds are whole numbers, seed=0,1,2; they are not searched")
        return tuple(value for value in sweep.list if isinstance(value, int))
    if counts:
        number = counts[0].value()
        if type(number) is not int or number < 1:
            given = str(counts[0].input_line)
            raise ConfigError(f"{given}: seeds must be one whole number >= 1 (repetitions of each trial)")
        repetitions = number
    return tuple(range(seed, seed + repetitions))


def _space(preset: Any, given: dict[str, Override], fixed: set[str]) -> tuple[Dimension, ...]:
    if not isinstance(preset, dict):
        raise ConfigError(f"hparams.space must be a mapping of keys to sweeps, was {preset!r}")
    dimensions = {
        key: read_dimension(key, str(text)) for key, text in preset.items() if key not in given and key not in fixed
    }
    dimensions |= {key: dimension_of(override) for key, override in given.items()}
    if not dimensions:
        raise ConfigError("hparams.space has no dimension; give a key several values: key=a,b or key='interval(0,1)'")
    for key in dimensions:
        plain = key.lstrip("+")
        root = plain.partition(".")[0].partition("/")[0]
        if root in (SEED, SEEDS):
            raise ConfigError(f"{key} cannot be searched: a trial is repeated with other seeds; give seed=0,1,2 itself")
        reason = NOT_SEARCHED.get(plain) or NOT_SEARCHED.get(root)
        if reason is not None:
            raise ConfigError(f"{key} cannot be searched: {reason}; give it one value")
        if root in NO_SETTING:
            raise ConfigError(f"{key} cannot be searched: it is no setting of a policy; give it one value")
    return tuple(dimensions.values())


def _refuse_fixed(trial: Sequence[str]) -> None:
    for given in parse(trial):
        if given.key_or_group.partition(".")[0] not in OF_ANY_SWEEP:
            raise ConfigError(
                f"{given.input_line}: hparams.command takes dimensions alone; write what is fixed into the command"
            )


def _market_seed(config: dict[str, Any], trial: Sequence[str]) -> list[str]:
    """Return an override that keeps a simulated market the same for every seed of the training."""
    source = config["data"]["source"]
    if "seed" not in source or any(text.startswith(f"{MARKET_SEED}=") for text in trial):
        return []
    return [override(MARKET_SEED, source["seed"])]


def _check_trials(trial: Sequence[str], space: Sequence[Dimension]) -> None:
    """Refuse what any trial would be refused for: every value of every dimension occurs, ends of intervals."""
    first = {dimension.key: override(dimension.key, dimension.ends()[0]) for dimension in space}
    check_plan(compose([*trial, *first.values()]))
    for dimension in space:
        for value in dimension.ends()[1:]:
            line = override(dimension.key, value)
            try:
                check_plan(compose([*trial, *(first | {dimension.key: line}).values()]))
            except IntradayError as error:
                whole = isinstance(dimension, Interval) and not dimension.is_integer and "whole number" in str(error)
                hint = f"; write {dimension.key}='int(interval(…))'" if whole else ""
                raise ConfigError(f"{line}: {error}{hint}") from error


def _described(struct: Any) -> dict[str, Any]:
    return {"rule": type(struct).__name__, **struct._asdict()}
