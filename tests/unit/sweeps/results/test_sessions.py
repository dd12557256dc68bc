"""What is read from a run folder, and which trials can be compared."""

from datetime import datetime

import pandas as pd
import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.sweeps.results.sessions import TrialReader, read_run
from tests.unit.sweeps.results.sweeps import record, write_frames, write_run


def test_run_is_read_session_by_session(tmp_path):
    write_run(tmp_path / "0", [[10.0, -20.0, 5.0], [0.0, 100.0]], [[30.0, -25.0], [100.0]])
    run = read_run(tmp_path / "0")
    assert [path.tolist() for path in run.paths] == [[10, -20, 5], [0, 100]]
    assert run.net_pnl.tolist() == [5, 100]
    assert run.returns.tolist() == pytest.approx([0.0005, 0.01])
    assert (run.wins.tolist(), run.losses.tolist()) == ([30, 100], [25, 0])
    assert [bars.tolist() for bars in run.bar_returns[0]] == [
        pytest.approx([0.001, -0.003, 0.0025]),
        pytest.approx([0.0, 0.01]),
    ]


def test_accounts_of_several_symbols_make_one_portfolio_a_day(tmp_path):
    """The first day A falls before B has a bar; the second day only B trades, from its start NAV."""
    first, second = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-03")
    at = {minute: pd.Timestamp("2024-01-02 15:00", tz="UTC") + pd.Timedelta(minutes=minute) for minute in range(3)}
    bars = [
        (0, first, "A", at[0], 990.0),
        (0, first, "A", at[1], 1020.0),
        (1, first, "B", at[1], 1005.0),
        (1, first, "B", at[2], 1001.0),
        (2, second, "B", at[0] + pd.Timedelta(days=1), 997.0),
    ]
    write_frames(tmp_path / "0", bars, [(0, first, 20.0), (1, first, 1.0), (2, second, -3.0)], 2000.0, 2, 0.009)
    run = read_run(tmp_path / "0")
    assert [path.tolist() for path in run.paths] == [[-10, 25, 21], [-3]]
    assert run.returns.tolist() == pytest.approx([21 / 2000, -3 / 2000])
    accounts = [[bars.tolist() for bars in days] for days in run.bar_returns]
    assert accounts[0] == [pytest.approx([-0.01, 0.03]), []]
    assert accounts[1] == [pytest.approx([0.005, -0.004]), pytest.approx([-0.003])]


@pytest.mark.parametrize("name", ["metrics.json", "equity.parquet", "trades.parquet"])
def test_missing_or_broken_file_is_named(tmp_path, name):
    write_run(tmp_path / "7", [[1.0]], [[1.0]])
    (tmp_path / "7" / name).write_text("{}")
    with pytest.raises(DataError, match=r"7 cannot be read as a judged run: .+"):
        read_run(tmp_path / "7")
    (tmp_path / "7" / name).unlink()
    with pytest.raises(DataError, match=f"7 has no {name}"):
        read_run(tmp_path / "7")


def test_reader_leaves_out_trials_of_other_sessions_and_says_so(tmp_path):
    for name, first in (("0", 15), ("1", 15), ("2", 16)):
        write_run(tmp_path / name, [[1.0], [2.0]], [[1.0], [2.0]], first=datetime(2024, 10, first))
    folders = [[], ["0"], ["1", "0"], ["2"], ["3"]]
    reader = TrialReader([record(n, (1.0,), folders=[tmp_path / f for f in own]) for n, own in enumerate(folders)])
    assert [(number, len(runs)) for number, runs in reader] == [(1, 1), (2, 2)]
    assert reader.reason == "trial 0: it has no run folder"
    reader = TrialReader([record(n, (1.0,), folders=[tmp_path / f for f in folders[n]]) for n in (1, 3)])
    assert len(list(reader)) == 1
    assert reader.reason == "trial 3: it was validated on other sessions than the trials before it"
