"""`check-data` as a user meets it: what it says of good and bad files, its exit status, and the commands it prints."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest

from intraday_rl.app.command_line.tools import main
from intraday_rl.app.compose import compose
from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data import exchange_sessions
from tests.support.real_data import data_folder

NEW_YORK = "America/New_York"
BARS = ["open", "high", "low", "close", "volume"]


def sessions_frame(end="2024-07-19", symbol="SPY"):
    """Return 14 whole sessions of a random walk (two of them before and after a holiday); fewer with another end."""
    sessions = exchange_sessions("XNYS", "2024-07-01", end)
    _, minute, start_ns = sessions.rows()
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(2e-4 * rng.standard_normal(len(start_ns))))
    frame = pd.DataFrame({"open": close, "high": close + 0.02, "low": close - 0.02, "close": close})
    frame["volume"] = np.where(minute == 0, 9000, 1000)
    stamps = pd.DatetimeIndex(start_ns.astype("datetime64[ns]")).tz_localize("UTC")
    return frame.assign(timestamp=stamps, symbol=symbol)


@pytest.fixture(scope="module")
def whole():
    return sessions_frame()


@pytest.fixture
def check(capsys, monkeypatch):
    """Return a function from arguments to exit status and output."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        status = main(["check-data", *map(str, arguments)])
        return status, capsys.readouterr().out

    return run


def csv(path, frame, shift=0, zone=NEW_YORK):
    """Write clock times of a zone, moved by minutes."""
    clock = (frame["timestamp"] + pd.Timedelta(shift, "min")).dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S")
    frame[BARS].assign(datetime=clock).to_csv(path, index=False)
    return path


def commands(out):
    return [line for line in out.splitlines() if line.startswith("python ")]


def test_check_data_own_parquet_trains_as_it_is(tmp_path, whole, check):
    whole.to_parquet(tmp_path / "SPY.parquet", index=False)
    for path in (tmp_path / "SPY.parquet", tmp_path):
        status, out = check(path)
        assert status == 0
        assert "14 sessions make 1 of warm-up, 9 of training, 1 of validation, 1 of test" in out
        assert "not enough evidence" in out
        [command] = commands(out)
        words = shlex.split(command)
        assert words[:2] == ["python", "train.py"]
        config = compose(words[2:])
        assert config["data"]["path"] == str(path)
        assert config["data"]["symbols"] == ["SPY"]


def test_check_data_table_is_collected_first(tmp_path, whole, check):
    file = csv(tmp_path / "my bars.csv", whole, shift=1)
    status, out = check(file, "--zone", NEW_YORK, "--stamp", "end", "--symbol", "SPY")
    assert status == 0
    collect, train = map(shlex.split, commands(out))
    assert collect == [
        "python", "collect.py", "data=files", f'data.path="{file}"', f"data.zone={NEW_YORK}", "data.stamp=end",
        "data.symbols=[SPY]", "data.store=data/my_bars",
    ]  # fmt: skip
    assert train[1:] == ["train.py", "data=historical", "data.path=data/my_bars", "data.symbols=[SPY]"]
    assert "stamps: datetime, YYYY-MM-DD HH:MM:SS without a zone" in out
    assert "columns: open, high, low, close, volume" in out


def test_check_data_names_the_proxies_of_the_features(tmp_path, whole, check):
    quoted = whole.assign(bid=whole["close"] - 0.01, ask=whole["close"] + 0.01)
    outs = []
    for name, frame in (("SPY", whole), ("QQQ", quoted)):
        frame.to_parquet(tmp_path / f"{name}.parquet", index=False)
        outs.append(check(tmp_path / f"{name}.parquet")[1])
    assert re.search(r"features: \d+ from proxy \(spread_bps, ", outs[0])
    assert re.search(r"\d+ from quotes \(spread_bps, spread_rel", outs[1])
    assert "nothing to check: crossed_quotes" in outs[0]


@pytest.mark.parametrize(
    ("shift", "stamp", "status", "words"),
    [
        (0, "start", 0, None),
        (1, "end", 0, None),
        (1, "start", 1, "try --stamp end"),
        (0, "end", 1, "try --stamp start"),
    ],
)
def test_check_data_notices_the_wrong_side(tmp_path, whole, check, shift, stamp, status, words):
    result, out = check(csv(tmp_path / "SPY.csv", whole, shift), "--zone", NEW_YORK, "--stamp", stamp)
    assert result == status
    assert (words or "Train on it with") in out
    assert bool(commands(out)) == (status == 0)


def test_check_data_names_the_zone_that_fits(tmp_path, whole, check):
    file = csv(tmp_path / "SPY.csv", whole, zone="UTC")
    status, out = check(file)
    assert status == 1
    assert "have no time zone" in out
    assert "--zone America/New_York or --zone UTC; they look like UTC" in out
    status, out = check(file, "--zone", NEW_YORK)
    assert status == 1
    assert "the stamps look like UTC clock times; try --zone UTC" in out
    assert check(file, "--zone", "UTC")[0] == 0


def test_check_data_too_few_sessions_fail_and_say_how_many_are_needed(tmp_path, check):
    csv(tmp_path / "SPY.csv", sessions_frame("2024-07-10"))
    status, out = check(tmp_path / "SPY.csv", "--zone", NEW_YORK)
    assert status == 1
    assert "split: 7 sessions are too few for the default split, which needs 12" in out
    assert commands(out) == []


def test_check_data_lists_everything_that_is_wrong(tmp_path, whole, check):
    frame = whole.astype({"volume": object})
    frame.loc[17, "volume"] = "n/a!"
    frame.loc[20, "high"] = 1.0
    frame.loc[25, "open"] = -3.0
    frame = pd.concat([frame, frame.iloc[[5]].assign(close=99.99)])
    status, out = check(csv(tmp_path / "SPY.csv", frame), "--zone", NEW_YORK)
    assert status == 1
    for line in (
        r"row 17: volume must be a number, was 'n/a!'", r"row 20 .*high must be >= low", r"row 25 .*open must be > 0",
        r"rows 5 and 5280 both stand for",
    ):  # fmt: skip
        assert re.search(line, out), line


def test_check_data_looks_at_every_file_of_a_folder(tmp_path, whole, check):
    csv(tmp_path / "SPY.csv", whole)
    csv(tmp_path / "QQQ_1min.csv", whole)
    (tmp_path / "IWM.csv").write_text("<html></html>")
    (tmp_path / "DIA.csv").write_text("")
    status, out = check(tmp_path, "--zone", NEW_YORK)
    assert status == 1
    assert "IWM.csv: is a web page" in out
    assert "DIA.csv: is empty" in out
    assert "QQQ_1min.csv: CSV, commas between the columns" in out
    assert "; and 1 other file in the same way" in out
    assert all("data.symbols=[QQQ,SPY]" in command for command in commands(out))
    assert check(tmp_path, "--zone", NEW_YORK, "--symbol", "SPY")[0] == 0


def test_check_data_rows_left_out_mean_collecting(tmp_path, whole, check):
    early = whole.iloc[[0]].assign(timestamp=whole["timestamp"].iloc[0] - pd.Timedelta("1min"))
    pd.concat([early, whole]).to_parquet(tmp_path / "SPY.parquet", index=False)
    status, out = check(tmp_path / "SPY.parquet")
    assert status == 0
    assert "rows left out: 1 outside the sessions" in out
    assert [command.split()[1] for command in commands(out)] == ["collect.py", "train.py"]


def test_check_data_counts_absent_trading_days(tmp_path, whole, check):
    session = (whole["timestamp"].dt.date != pd.Timestamp("2024-07-09").date()).to_numpy()
    whole[session].to_parquet(tmp_path / "SPY.parquet", index=False)
    assert "absent: 1 trading day between the first and the last" in check(tmp_path / "SPY.parquet")[1]


def test_check_data_writes_the_page(tmp_path, whole, check):
    whole.to_parquet(tmp_path / "SPY.parquet", index=False)
    page = tmp_path / "quality.html"
    status, out = check(tmp_path / "SPY.parquet", "--html", page)
    assert status == 0
    assert f"page: {page}" in out
    text = page.read_text()
    assert "No session of 14 fails a check (SPY)" in text
    assert "python train.py data=historical" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"), (b"PK\x03\x04[Content_Types].xml", "is an Excel workbook"),
        (b"\x00\x01" * 99, "is a binary"), (b"<html>", "is a web page"),
        (b"a,b\n1,2\n", "no column that tells the time"),
        (b"date,open,high,low,close\n2024-07-01,1,1,1,1\n2024-07-02,1,1,1,1\n", "holds daily bars"),
    ],
)  # fmt: skip
def test_check_data_bad_files_are_one_line_and_status_one(tmp_path, check, content, words):
    (tmp_path / "SPY.csv").write_bytes(content)
    status, out = check(tmp_path / "SPY.csv", "--zone", "UTC")
    assert status == 1
    [line] = [line for line in out.splitlines() if str(tmp_path) in line]
    assert words in line


def test_check_data_impossible_arguments_are_refused(tmp_path, whole, check):
    file = csv(tmp_path / "SPY.csv", whole)
    with pytest.raises(ParameterError, match="did you mean America/New_York"):
        check(file, "--zone", "America/New_Yrok")
    with pytest.raises(ParameterError, match="calendar must be"):
        check(file, "--zone", NEW_YORK, "--calendar", "XNYX")
    with pytest.raises(DataError, match=r"no such file or folder \(did you mean SPY\.csv\?\)"):
        check(tmp_path / "SPX.csv")
    status, out = check(file, "--zone", NEW_YORK, "--stamp", "end", "--symbol", "SPY", "--calendar", "XTKS")
    assert status == 1
    assert "none of the 5280 rows" in out


@pytest.mark.parametrize(
    ("path", "name"), [("lean/Data/equity/usa/minute/ibm", "LEAN"), ("lobster/excerpt-5000-rows", "LOBSTER")]
)
def test_check_data_reads_other_formats_by_their_names(check, path, name):
    status, out = check(data_folder() / "raw-samples" / path)
    assert status == 1  # one session each
    assert f"{name}: the format itself tells" in out
    assert "1 session is too few" in out


def test_real_spy_2024_is_enough_for_the_default_split_and_its_verdict(check):
    status, out = check(data_folder() / "bars-1m" / "spy-2024")
    assert status == 0
    assert "163 sessions make 1 of warm-up, 113 of training, 24 of validation, 23 of test\n" in out
