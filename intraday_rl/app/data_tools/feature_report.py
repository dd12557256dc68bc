"""The feature report of loaded market data, and of the data that overrides describe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from intraday_rl.app.build import Plan, build_plan
from intraday_rl.app.compose import compose, precheck
from intraday_rl.app.market_data import MarketData
from intraday_rl.core.errors import ConfigError
from intraday_rl.data import Bars
from intraday_rl.evaluation.feature_report import FeatureReportData, Finding, SymbolFeatures, write_feature_report
from intraday_rl.features import FeatureTable
from intraday_rl.features.cache import cached_features

NAMES_SHOWN = 6
Days = npt.NDArray[np.datetime64]


def feature_report_of(data: MarketData, title: str) -> FeatureReportData:
    """Return what the feature report shows of market data: raw features, gaps as they are.

    Args:
        data: bars made ready.
        title: names the run or the data.

    Raises:
        DataError: a part has no usable session.
    """
    days = _days(data.plan, [symbol.bars for symbol in data.symbols])
    tables = [_symbol_features(symbol.bars, symbol.table, days) for symbol in data.symbols]
    return FeatureReportData(title=title, names=data.tape.feature_names, tables=tables)


def load_features(plan: Plan, title: str) -> FeatureReportData:
    """Load bars and compute their features, without the tape: a missing value is a finding here, and no error.

    Raises:
        DataError: the bars are missing or wrong, or too few for three parts.
    """
    references = plan.references.load()
    loaded = [market.source.load() for market in plan.markets]
    days = _days(plan, loaded)
    tables = []
    for market, bars in zip(plan.markets, loaded, strict=True):
        tables.append(_symbol_features(bars, cached_features(market.pipeline, bars, references), days))
    return FeatureReportData(title=title, names=plan.markets[0].pipeline.names, tables=tables)


def _symbol_features(bars: Bars, table: FeatureTable, days: Mapping[str, Days]) -> SymbolFeatures:
    return SymbolFeatures(
        symbol=bars.symbol,
        values=table.values,
        traded=bars.traded,
        session=bars.session,
        minute=bars.minute,
        dates=bars.sessions.date,
        parts={part: np.flatnonzero(np.isin(bars.sessions.date, chosen)) for part, chosen in days.items()},
        sources=table.sources,
    )


def _days(plan: Plan, loaded: Sequence[Bars]) -> dict[str, Days]:
    """Return the trading days of each part."""
    dates = np.concatenate([bars.sessions.date for bars in loaded])
    split = plan.split.split(dates)
    return {part: np.unique(dates[getattr(split, part)]) for part in ("train", "validation", "test")}


def report_features(overrides: Sequence[str], path: Path) -> None:
    """Write the feature report of the data and features that the overrides describe, and print what it found.

    Args:
        overrides: those of `train.py`.
        path: the page to write; its folder must exist.

    Raises:
        IntradayError: the configuration or the data cannot be used, or the page cannot be written.
    """
    precheck(overrides)
    config = compose(overrides)
    if not os.path.isdir(path.parent):
        raise ConfigError(f"--html {path}: the folder {path.parent} does not exist; make it, or name another")
    if os.path.isdir(path):
        raise ConfigError(f"--html {path} must name a file, this is a folder; write --html {path / 'features.html'}")
    console = Console()
    with console.status("loading bars and features"):
        data = load_features(build_plan(config), f"{config['name']}, {config['features']['preset']}")
    try:
        findings = write_feature_report(data, path)
    except OSError as error:
        raise ConfigError(f"--html {path} cannot be written: {error.strerror}") from error
    console.print(findings_table(findings))
    console.print(f"report   {path}", soft_wrap=True, markup=False)


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return the findings as a table: how many, of what, and the first of them."""
    table = Table(title="Features", title_justify="left")
    table.add_column("found", justify="right")
    table.add_column("what")
    table.add_column("which")
    for finding in findings:
        which = ", ".join(finding.which[:NAMES_SHOWN]) + (", …" if finding.number() > NAMES_SHOWN else "")
        table.add_row(str(finding.number()), finding.what, which)
    return table
