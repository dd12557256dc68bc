"""`python collect.py data=massive|files …`: fill a bar store by download or import, and say what became of the bars.

Exit status: 0 = everything that was asked for is in the store, 1 = something is not, 130 and 143 = stopped by Ctrl-C
or SIGTERM. Sessions that are complete are in the store whatever happens; the same command goes on from there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from intraday_rl.app.build import resolve_path
from intraday_rl.app.command_line.messages import say, stop_status, stop_words
from intraday_rl.app.compose import compose_data
from intraday_rl.app.data_tools.progress import download_progress
from intraday_rl.app.data_tools.results import Results, row_of_import, row_of_report
from intraday_rl.app.planning.structs import build_struct
from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import ConfigError, IntradayError
from intraday_rl.data import exchange_sessions, importers
from intraday_rl.data.importers import ImportRequest
from intraday_rl.data.massive import ApiKey, Collection, Job, MassiveDownload
from intraday_rl.data.sessions import parse_date
from intraday_rl.data.storage.store import BarStore
from intraday_rl.tracking.signals import sigterm_interrupts

USAGE = """\
python collect.py data=massive data.symbols=[SPY,QQQ] data.start=DAY data.end=DAY [data.KEY=VALUE ...]
python collect.py data=files data.path=PATH [data.symbols=[SPY]] [data.KEY=VALUE ...]

  data=massive    download one-minute bars of US stocks from Massive (formerly Polygon); the key comes from the
                  environment: export MASSIVE_API_KEY=…
  data=files      import files of other formats: a LEAN folder, LOBSTER files, CSV and Parquet tables
  data.KEY=VALUE  the keys of conf/data/massive.yaml and conf/data/files.yaml
  market=…, market.instrument.calendar=…
                  which exchange calendar says when a session is (default: that of the US stock exchanges)

Examples:
  python collect.py data=massive data.symbols=[SPY] data.start=2024-01-02 data.end=2024-03-28
  python collect.py data=massive data.symbols=[SPY] data.start=2024-01-02 data.end=2024-03-28 \\
      data.collect.calls_per_minute=null data.collect.workers=8       # a plan without a limit of calls
  python collect.py data=files data.path=downloads/lean/equity
  python collect.py data=files data.path=bars.csv data.zone=America/New_York data.stamp=end data.symbols=[SPY]

Bars outside the regular hours are left out and counted. Whole sessions go to the store (data.store), as soon as they
are there. Stopped or failed: the same command goes on where it ended, and asks for nothing that the store has.
"""
DATA_KEYS = re.compile(r"data(\..+)?")
MARKET_KEYS = ("market", "market.instrument.calendar")
SYMBOL = re.compile(r"[A-Za-z0-9.:]+")  # part of an address
SETTLE_NS = 30 * 60_000_000_000  # plans with delayed data, and late trades: after the close


def parse(argv: Sequence[str]) -> list[str]:
    """Return the overrides.

    Raises:
        ConfigError: an argument is none that collecting can use.
    """
    for argument in argv:
        key = argument.partition("=")[0]
        if not (DATA_KEYS.fullmatch(key) or key in MARKET_KEYS):
            hint = nearest(key, ("data", *MARKET_KEYS))
            raise ConfigError(
                f"collect.py takes data overrides and the market's calendar only, was {argument!r}{hint}; "
                "--help shows examples"
            )
    return list(argv)


def main(argv: Sequence[str]) -> int:
    """Run the command line and return its exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 1
    with sigterm_interrupts():
        return collect(parse(argv), os.environ, time.time_ns())


def collect(overrides: Sequence[str], environment: Mapping[str, str], now_ns: int) -> int:
    """Collect what the overrides ask for and return the exit status.

    Args:
        overrides: of the command line, as `parse` gives them.
        environment: where the key is.
        now_ns: the time, UTC: a session that is not over is left for later.

    Raises:
        IntradayError: the overrides are wrong, or nothing can be collected.
    """
    config = compose_data(overrides)
    data = config["data"]
    if "collect" not in data:
        raise ConfigError("collect.py needs data=massive (download) or data=files (import); --help shows examples")
    _check_symbols(data)
    others = [text for text in overrides if not DATA_KEYS.fullmatch(text.partition("=")[0])]
    results = Results(data, others, BarStore(resolve_path(data["store"])))
    if "path" in data:
        _check_import(data)
        node = data["collect"] | {"path": resolve_path(data["path"])}
        return _import(build_struct("data.collect", node, ImportRequest), results)
    settings = build_struct("data.collect", data["collect"], MassiveDownload)
    key = ApiKey.from_environment(environment)
    job, not_over = _plan(settings, config["market"]["instrument"]["calendar"], now_ns, results)
    return _download(Collection(job, data["symbols"], key), not_over, results)


def _check_symbols(data: Mapping[str, Any]) -> None:
    symbols = data["symbols"]
    words = "must be a list of symbols, such as [SPY,QQQ]"
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise ConfigError(f"data.symbols {words}, was {symbols!r}; quote words like true and null")
    if len(set(symbols)) < len(symbols):
        raise ConfigError(f"data.symbols must name each symbol once, was {symbols!r}")
    if "path" in data:
        return
    if not symbols:
        raise ConfigError(f"data.symbols {words}, was empty")
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol):
            raise ConfigError(f"data.symbols must be of letters, digits and . : (such as BRK.B), was {symbol!r}")


def _check_import(data: Mapping[str, Any]) -> None:
    if not isinstance(data["path"], str):
        raise ConfigError(f"data.path must be the file or folder to import, was {data['path']!r}: data.path=PATH")
    for name in ("start", "end"):
        if data[name] is not None:
            raise ConfigError(f"data.{name} is for train.py: collect.py imports all days of the files; leave it out")


def _plan(settings: MassiveDownload, calendar: str, now_ns: int, results: Results) -> tuple[Job, int]:
    """Return the job of the sessions that are over, and how many are not."""
    first, last = (parse_date("data", name, str(results.data[name])) for name in ("start", "end"))
    if first > last:
        raise ConfigError(f"data.start must be <= data.end, was {first} after {last}")
    sessions = exchange_sessions(calendar, first, last)
    over = sessions.close_ns + SETTLE_NS <= now_ns
    if not over.any():
        raise ConfigError(f"{calendar} has no session from {first} to {last} that is over; choose other days")
    origin = {"source": "massive", "address": settings.base_url, "adjusted": "false"}
    return Job(settings, results.store, calendar, sessions.take(np.flatnonzero(over)), origin), int((~over).sum())


def _download(collection: Collection, not_over: int, results: Results) -> int:
    reports = collection.reports
    failures: dict[str, str] = {}
    try:
        with download_progress(reports) as on_progress:
            failures = collection.run(on_progress)
    except KeyboardInterrupt as stop:
        results.rows = {symbol: row_of_report(report, not_over) for symbol, report in reports.items()}
        say(f"{stop_words(stop)}; {results.kept()}")
        return stop_status(stop)
    except IntradayError as error:
        results.problems.append(f"{error}; what was collected before stays")
    results.rows = {symbol: row_of_report(report, not_over) for symbol, report in reports.items()}
    results.problems += [problem for report in reports.values() for problem in report.problems]
    results.problems += failures.values()
    return results.show()


def _import(request: ImportRequest, results: Results) -> int:
    origin = {"source": "files", "name": request.path.name, "format": request.format}
    try:
        with Console(stderr=True).status(f"importing {request.path}") as status:
            for bars in importers.import_bars(request):
                written = results.store.write(bars.frame, bars.symbol, request.calendar, origin)
                results.rows[bars.symbol] = row_of_import(bars.symbol, written, bars.counts)
                results.doubts += bars.doubts
                status.update(f"importing {request.path}: {len(results.rows)} symbols so far, {bars.symbol} is done")
    except KeyboardInterrupt as stop:
        say(f"{stop_words(stop)}; {results.kept()}")
        return stop_status(stop)
    except IntradayError as error:
        results.problems.append(str(error))
    except OSError as error:
        place = Path(error.filename) if error.filename else results.store.root
        results.problems.append(f"{place}: {error.strerror or error}; make room there, then run the same command again")
    return results.show()
