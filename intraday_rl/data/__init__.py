"""Market data: bar tables, exchange sessions, session splits and the sources that bars come from."""

from intraday_rl.data.bars import Bars
from intraday_rl.data.daily import DailyCloses, read_daily_closes
from intraday_rl.data.files import read_bars
from intraday_rl.data.grid import to_grid
from intraday_rl.data.instruments import Instrument
from intraday_rl.data.sessions import Sessions, exchange_sessions
from intraday_rl.data.splits import SessionSplit, split_dates, split_sessions

__all__ = [
    "Bars",
    "DailyCloses",
    "Instrument",
    "SessionSplit",
    "Sessions",
    "exchange_sessions",
    "read_bars",
    "read_daily_closes",
    "split_dates",
    "split_sessions",
    "to_grid",
]
