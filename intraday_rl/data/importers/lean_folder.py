"""Where LEAN keeps its data: asset/market/resolution/symbol/YYYYMMDD_kind.zip, a file for each day.

Read are minutes, seconds and ticks of US equities, minutes and seconds of CME futures and of the S&P 500 index; other
files of the folder are passed over. Source: QuantConnect, LEAN data formats.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from intraday_rl.core.checks import nearest
from intraday_rl.core.errors import DataError

DAY_FILE = re.compile(r"(\d{8})_(trade|quote)\.zip")
RESOLUTIONS = ("minute", "second", "tick")


@dataclass(frozen=True, kw_only=True)
class Market:
    """How one market's files are written.

    Attributes:
        zone: time zone of the midnight from which the times count.
        price_divisor: file prices divided by it are price units.
        by_contract: a zip holds one table for each contract month, else one table.
        resolutions: those that are read.
        has_volume: the last column of a trade bar is the volume; else it counts updates.
    """

    zone: str
    price_divisor: float
    by_contract: bool
    resolutions: tuple[str, ...]
    has_volume: bool


MARKETS = {
    "equity/usa": Market(
        zone="America/New_York", price_divisor=10_000.0, by_contract=False, resolutions=RESOLUTIONS, has_volume=True
    ),
    "future/cme": Market(
        zone="UTC", price_divisor=1.0, by_contract=True, resolutions=("minute", "second"), has_volume=True
    ),
    "index/usa": Market(
        zone="America/Chicago", price_divisor=1.0, by_contract=False, resolutions=("minute", "second"), has_volume=False
    ),
}
INDICES = ("SPX",)  # the zone of the others is another one


@dataclass(frozen=True, kw_only=True)
class LeanDay:
    """The files of one symbol and day.

    Attributes:
        symbol: in capitals.
        market: key of `MARKETS`.
        resolution: one of `RESOLUTIONS`.
        date: YYYYMMDD, the file's own day.
        trade: the zip of trades or trade bars; None = there is none.
        quote: the same of quotes.
    """

    symbol: str
    market: str
    resolution: str
    date: str
    trade: Path | None
    quote: Path | None


def is_lean(path: Path) -> bool:
    """Say whether a file is named as LEAN names them, or a folder holds such a file."""
    if path.is_dir():
        return any(DAY_FILE.fullmatch(file.name) for file in path.rglob("*.zip"))
    return DAY_FILE.fullmatch(path.name) is not None


def lean_days(path: Path, symbols: tuple[str, ...]) -> dict[str, list[LeanDay]]:
    """Return the days of each symbol in time order, symbols by name.

    Args:
        path: the root, any folder below it, or one zip.
        symbols: those to take; () = all.

    Raises:
        DataError: no file is of a known kind, a symbol is absent, has no trades, or has one day in two resolutions.
    """
    files = sorted(path.rglob("*.zip")) if path.is_dir() else [path]
    places: dict[tuple[str, str, str, str], dict[str, Path]] = defaultdict(dict)
    for file in files:
        named = DAY_FILE.fullmatch(file.name)
        if named:
            _check_date(file, named[1])
            market, resolution, symbol = _place(file)
            if market in MARKETS and resolution in RESOLUTIONS:
                places[symbol, named[1], market, resolution][named[2]] = file
    if not places:
        raise DataError(
            f"{path}: must hold zips of {', '.join(RESOLUTIONS)} data of {', '.join(MARKETS)}, named "
            f"YYYYMMDD_trade.zip in a folder of asset/market/resolution/symbol, holds none; correct the path"
        )
    days = defaultdict(list)
    for (symbol, date, market, resolution), kinds in sorted(places.items()):
        days[symbol].append(
            LeanDay(symbol=symbol, market=market, resolution=resolution, date=date,
                    trade=kinds.get("trade"), quote=kinds.get("quote"))
        )  # fmt: skip
    chosen = _choose(path, days, symbols)
    for symbol, mine in chosen.items():
        _check_days(path, symbol, mine)
    return chosen


def _check_date(file: Path, date: str) -> None:
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        raise DataError(f"{file}: the name must begin with a date YYYYMMDD, was {date}; rename the file") from None


def _place(file: Path) -> tuple[str, str, str]:
    """Return market, resolution and symbol, told by the names of the file's folders."""
    parts = ["", "", "", "", *file.resolve().parts]
    return f"{parts[-5]}/{parts[-4]}", parts[-3], parts[-2].upper()


def _choose(path: Path, days: dict[str, list[LeanDay]], symbols: tuple[str, ...]) -> dict[str, list[LeanDay]]:
    for symbol in symbols:
        if symbol not in days:
            raise DataError(f"{path}: has no symbol {symbol}{nearest(symbol, days)}; it holds {', '.join(days)}")
    return {symbol: days[symbol] for symbol in symbols or days}


def _check_days(path: Path, symbol: str, days: list[LeanDay]) -> None:
    forms = defaultdict(list)
    for day in days:
        forms[day.date].append(f"{day.market}/{day.resolution}")
        if day.resolution not in MARKETS[day.market].resolutions:
            raise DataError(
                f"{path}: {symbol} must be {' or '.join(MARKETS[day.market].resolutions)} data for {day.market}, was "
                f"{day.resolution}; name the folder of such a resolution"
            )
        if day.market == "index/usa" and symbol not in INDICES:
            raise DataError(f"{path}: an index must be {', '.join(INDICES)}, was {symbol}; name the symbols to take")
    for date, found in forms.items():
        if len(found) > 1:
            raise DataError(
                f"{path}: {symbol} must have one resolution on {date}, has {', '.join(found)}; name the folder of one"
            )
    if not any(day.trade for day in days):
        raise DataError(f"{path}: {symbol} must have trades (YYYYMMDD_trade.zip), has quotes only; add the trade zips")
