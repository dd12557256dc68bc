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
from intraday_rl.data import Bars, SessionSplit
from intraday_rl.evaluation.feature_report import FeatureReportData, Finding, SymbolFeatures, write_feature_report

NAMES_SHOWN = 6


def feature_report_of(data: MarketData, title: str) -> FeatureReportData:
    """Return what the feature report shows of market data.

    Args:
        data: bars made ready.
        title: names the run or the data.

    Raises:
        DataError: a part has no usable session.
    """
    tape = data.tape
    table = _symbol_features(data.bars, tape.features, data.features["sources"], data.split)
    return FeatureReportData(title=title, names=tape.feature_names, tables=[table])


def load_features(plan: Plan, title: str) -> FeatureReportData:
    """Load bars and compute their features, without the tape: a missing value is a finding here, and no error.

    Raises:
        DataError: the bars are missing or wrong, or too few for three parts.
    """
    bars = plan.source.load()
    table = plan.pipeline.compute(bars)
    symbol = _symbol_features(bars, table.values, table.sources, plan.split.split(len(bars.sessions)))
    return FeatureReportData(title=title, names=table.names, tables=[symbol])


def _symbol_features(
    bars: Bars, values: npt.NDArray[np.float32], sources: Mapping[str, str], split: SessionSplit
) -> SymbolFeatures:
    return SymbolFeatures(
        symbol=bars.symbol,
        values=values,
        traded=bars.traded,
        session=bars.session,
        minute=bars.minute,
        dates=bars.sessions.date,
        parts={"train": split.train, "validation": split.validation, "test": split.test},
        sources=sources,
    )


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
