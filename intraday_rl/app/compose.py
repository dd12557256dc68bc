"""The configuration of a run from overrides, checked; for the command line and for Python.

Whatever a user can get wrong is refused here in one line, before anything is written and before a learning library is
imported. Overrides are those of Hydra's command line: `["algo=ppo", "algo.parameters.batch_size=256"]`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import Container, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from intraday_rl.app.command_line import keys
from intraday_rl.app.command_line.choices import compose_choices, is_choice
from intraday_rl.app.command_line.groups import PROJECT, explain_missing, list_groups
from intraday_rl.app.command_line.overrides import (
    check_choices,
    is_hydras,
    parse,
    refuse_sweeps,
    single_runs,
)
from intraday_rl.app.command_line.settings import check_settings, check_tracking, check_training
from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import ConfigError, DataError

ID_BYTES = 4


def register_resolvers() -> None:
    """Make `${project:}` (the project's root) and `${unique_id:}` (random hexadecimal digits) known to OmegaConf.

    The id keeps two runs that start in the same second out of one folder; it is drawn once for each configuration.
    """
    OmegaConf.register_new_resolver("project", lambda: str(PROJECT), replace=True, use_cache=True)
    OmegaConf.register_new_resolver("unique_id", lambda: secrets.token_hex(ID_BYTES), replace=True, use_cache=True)


def compose(overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Return the configuration as plain nested dicts, resolved; keys, kinds and settings are checked.

    The values inside structs are checked by `build.build_plan`.

    Raises:
        ConfigError: an override, a key or a value is not allowed, or a value has to be given.
        ParameterError: a setting breaks its law.
    """
    parsed = parse(_texts(overrides))
    refuse_sweeps(parsed)
    config, reference = _compose_known(parsed)
    unresolved = _plain(config, resolve=False)
    _refuse_missing(unresolved)
    _refuse_symbols(unresolved["data"])
    resolved = _plain(config, resolve=True)
    keys.check_keys(resolved, reference)
    check_settings(resolved, list_groups()["algo"])
    check_training(resolved)
    check_tracking(resolved["tracking"])
    return resolved


def compose_data(overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Return what collecting needs of the configuration: `data` without its source, and `market`, as plain dicts.

    Any number of symbols is taken: the source, which is made for those of a run, is left unresolved.

    Raises:
        ConfigError: as `compose`.
    """
    parsed = parse(_texts(overrides))
    refuse_sweeps(parsed)
    config, reference = _compose_known(parsed)
    _refuse_missing({"data": _plain(config, resolve=False)["data"]})
    try:
        data = {name: _resolved(config["data"][name]) for name in config["data"] if name != "source"}
    except OmegaConfBaseException as error:
        raise ConfigError(_with_key(error)) from error
    known = {name: value for name, value in reference["data"].items() if name != "source"}
    chosen = {"data": data, "market": _plain(config["market"], resolve=True)}
    keys.check_keys(chosen, {"data": known, "market": reference["market"]})
    return chosen


def precheck(overrides: Sequence[str], multirun: bool = False) -> None:
    """Refuse what a run with these overrides would be refused for; of a multirun, every value of every sweep.

    Raises:
        IntradayError: the configuration cannot be used, or a data file is not there.
    """
    if not multirun:
        check_plan(compose(overrides))
        return
    parsed = parse(overrides)
    check_choices(parsed)
    for single in single_runs(parsed):
        check_plan(compose(single))


def show(overrides: Sequence[str], package: str | None, resolve: bool) -> str:
    """Return the configuration as YAML, with what it leaves to the user as `???`.

    Args:
        overrides: of the command line; several values for a key are left out.
        package: the dotted key to show; None = everything.
        resolve: whether references (`${…}`) are replaced by what they stand for.

    Raises:
        ConfigError: an override is not allowed, or a reference cannot be resolved.
    """
    config, _ = _compose_known([override for override in parse(overrides) if not override.is_sweep_override()])
    try:
        node = OmegaConf.select(config, package) if package else config
        if node is None:
            keys.check_existing(str(package), None, _plain(config, resolve=False))
        if not isinstance(node, Container):
            return f"{node}\n"
        if resolve:
            OmegaConf.resolve(node)
        return OmegaConf.to_yaml(node)
    except OmegaConfBaseException as error:
        raise ConfigError(_with_key(error)) from error


def _texts(overrides: Iterable[str]) -> list[str]:
    """Return the overrides as a list; a single text is one override, not its letters."""
    return [overrides] if isinstance(overrides, str) else list(overrides)


def _compose_known(overrides: Sequence[Override]) -> tuple[DictConfig, dict[str, Any]]:
    """Return the configuration, and the plain one that the same choices make without any other override."""
    check_choices(overrides)
    register_resolvers()
    values = [override for override in overrides if not is_choice(override)]
    with _refusals_in_one_line():
        chosen = compose_choices([override for override in overrides if is_choice(override)])
    if values:
        _check_targets_of(values, chosen.plain)
    with _refusals_in_one_line():
        config = chosen.with_values(values)
    if values:
        keys.check_keys(_plain(config, resolve=False), chosen.plain)
    return config, chosen.plain


def check_plan(config: dict[str, Any]) -> None:
    """Refuse a resolved configuration from which no run can be made, or whose data files are not there.

    Raises:
        IntradayError: by the key.
    """
    from intraday_rl.app.build import build_plan
    from intraday_rl.data.files import source_files
    from intraday_rl.data.sessions import parse_date
    from intraday_rl.data.sources import HistoricalFiles

    plan = build_plan(config)
    refuse_strangers(config)
    for source in (market.source for market in plan.markets):
        if isinstance(source, HistoricalFiles):
            try:
                days = [None if day is None else parse_date("data", "day", day) for day in (source.start, source.end)]
                source_files(source.path, source.symbol, *days)
            except DataError as error:
                raise DataError(_not_there(config["data"], source.symbol, error)) from error


def refuse_strangers(config: dict[str, Any]) -> None:
    """Refuse costs of a symbol that is not traded: a misspelt name would leave the symbol with the default's."""
    symbols = config["data"].get("symbols")
    for symbol in config["market"]["by_symbol"]:
        if symbols is not None and symbol not in symbols:
            raise ConfigError(
                f"market.by_symbol.{symbol} is not one of data.symbols{nearest(symbol, symbols)}: {', '.join(symbols)}"
            )


def _not_there(data: dict[str, Any], symbol: str, error: DataError) -> str:
    """Return the one line on bars that a run needs and does not find; a store has to be filled first."""
    from intraday_rl.app.data_tools.commands import collect_command

    if "store" not in data:
        return f"data.path={data['path']} data.symbols=[{symbol}]: {error}"
    return (
        f"data.store={data['store']} data.symbols=[{symbol}]: {error}; collect the bars first: {collect_command(data)}"
    )


@contextmanager
def _refusals_in_one_line() -> Iterator[None]:
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise ConfigError(one_line(error)) from error


def _resolved(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, Container) else node


def _plain(config: DictConfig, resolve: bool) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", OmegaConf.to_container(config, resolve=resolve))
    except OmegaConfBaseException as error:
        raise ConfigError(_with_key(error)) from error


def _check_targets_of(overrides: Sequence[Override], reference: dict[str, Any]) -> None:
    """Refuse overrides of keys that do not exist, and additions of keys that do."""
    added = [o.key_or_group for o in overrides if o.is_add() or o.is_force_add()]
    for override in overrides:
        key = override.key_or_group
        if is_hydras(override):
            continue
        if override.is_add() and not isinstance(override.value(), dict | list):
            if key in keys.walk(reference):
                raise ConfigError(f"{override.input_line}: {key} exists already; write it without +")
        elif override.value() == {} and any(other.startswith(f"{key}.") for other in keys.walk(reference)):
            raise ConfigError(f"{override.input_line}: {{}} takes nothing away; remove members one by one, ~{key}.NAME")
        elif not any(key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.") for other in added):
            keys.check_existing(key, override.value(), reference)


def _refuse_missing(config: dict[str, Any]) -> None:
    missing = list(keys.missing_keys(config))
    if missing:
        wanted = [f"{key}=…{explain_missing(key)}" for key in missing]
        raise ConfigError(f"not given, but needed: {', '.join(wanted)}")


def _refuse_symbols(data: dict[str, Any]) -> None:
    """Refuse a wrong list of symbols before something refers to its first item."""
    if "symbols" in data:
        from intraday_rl.app.build import check_symbols  # late: brings pandas

        check_symbols(data)


def _with_key(error: OmegaConfBaseException) -> str:
    return f"{error.full_key}: {one_line(error)}" if error.full_key else one_line(error)


def one_line(error: BaseException) -> str:
    """Return an error of Hydra or OmegaConf as one line, with its cause where the error itself says less."""
    parts = [str(error)]
    if isinstance(error.__cause__, OmegaConfBaseException | HydraException) and str(error.__cause__) not in parts[0]:
        parts.append(str(error.__cause__))
    lines = [line.strip() for part in parts for line in part.splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("full_key:", "object_type=", "See http")))
