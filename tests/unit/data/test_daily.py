"""Daily closes: what a session knows of them, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data import DailyCloses, read_daily_closes
from tests.support.real_data import data_folder

DAYS = np.datetime64("2024-01-02") + np.arange(-40, 10)
VIX = DailyCloses("vix.parquet", DAYS, 15.0 + np.arange(50.0) % 7)
SESSIONS = np.array(["2024-01-02", "2024-01-05"], dtype="datetime64[D]")


def test_a_session_knows_the_closes_of_earlier_days():
    """The 40th close, 15 + 39 % 7 = 19, is of 1 January; the mean of the 20 closes 21 to 40 is of 20 % 7 ... 39 % 7."""
    close, mean = VIX.known_at_open(SESSIONS)
    assert close.tolist() == [19.0, 15.0]
    assert mean[0] == pytest.approx(15 + sum(day % 7 for day in range(20, 40)) / 20)


@pytest.mark.parametrize(("days", "message"), [
    (slice(22, None), "must have 20 daily closes before 2024-01-02; add earlier days"),
    (slice(0, 33), "must have a close of the 7 days before 2024-01-02, its last one before is of 2023-12-25"),
])  # fmt: skip
def test_daily_closes_have_to_reach_every_session(days, message):
    with pytest.raises(DataError, match=message):
        DailyCloses("vix.parquet", VIX.date[days], VIX.close[days]).known_at_open(SESSIONS)


def test_daily_closes_are_checked():
    with pytest.raises(DataError, match="v: days must increase"):
        DailyCloses("v", VIX.date[::-1], VIX.close)
    with pytest.raises(DataError, match=r"v: close must be > 0, was nan on 2023-11-28"):
        DailyCloses("v", VIX.date, np.where(VIX.date == VIX.date[5], np.nan, VIX.close))


@pytest.mark.parametrize("day", ["DATE", "session", "day"])
def test_daily_closes_are_read_from_csv_and_parquet(tmp_path, day):
    frame = pd.DataFrame({day: ["2024-01-02", "2024-01-03"], "OPEN": [1.0, 2.0], "CLOSE": [13.2, 14.0]})
    frame.to_csv(tmp_path / "vix.csv", index=False)
    frame.to_parquet(tmp_path / "vix.parquet")
    for name in ("vix.csv", "vix.parquet"):
        daily = read_daily_closes(tmp_path / name)
        assert daily.date.astype(str).tolist() == ["2024-01-02", "2024-01-03"]
        assert daily.close.tolist() == [13.2, 14.0]


def test_files_that_hold_no_daily_closes_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file; give a Parquet or CSV file"):
        read_daily_closes(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_text("when,close\n2024-01-02,13\n")
    with pytest.raises(DataError, match=r"a\.csv: must have the columns date and close, has when, close; rename them"):
        read_daily_closes(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("date,close\n2024-01-02,high\n")
    with pytest.raises(DataError, match=r"b\.csv: cannot be read as daily closes"):
        read_daily_closes(tmp_path / "b.csv")
    (tmp_path / "c.parquet").write_text("PAR1")
    with pytest.raises(DataError, match=r"c\.parquet: cannot be read as daily closes"):
        read_daily_closes(tmp_path / "c.parquet")


def test_real_vix_of_february_2019():
    """Closes as Cboe published them: 15.97 on the 11th, 15.43 on the 12th."""
    daily = read_daily_closes(data_folder() / "daily" / "vix" / "VIX.parquet")
    days = np.array(["2019-02-12", "2019-02-13"], dtype="datetime64[D]")
    assert daily.known_at_open(days)[0].tolist() == [15.97, 15.43]
