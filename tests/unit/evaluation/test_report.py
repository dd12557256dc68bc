"""The report states the result plainly, shows every gate, loads nothing and runs no text that a user wrote."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.evaluation.gates import GateResult
from intraday_rl.evaluation.portfolio import combine_by_date
from intraday_rl.evaluation.report import DataDescription, ReportData, figures, headline, write_report
from intraday_rl.evaluation.report.page import page
from tests.support.browser import browser_dump
from tests.support.builders import CAPITAL_USD, example_ledger
from tests.unit.evaluation.two_symbols import two_symbol_ledger

HOSTILE = "</script><script>alert('x')</script><img src=http://evil.example/a.png> & \"q\" $E$"


GATES = [
    GateResult("G1", "profit factor", 0.566, ">= 1.25", "fail", "0.566 is below 1.25"),
    GateResult("G3", "worst session drawdown", 0.001074, "<= 0.006", "pass", "within the limit"),
    GateResult("E1", "sample size", None, ">= 20", "not enough evidence", "3 of 20 sessions"),
]


def report_data(**changes):
    ledger = example_ledger()
    flat = ledger.bars.assign(equity=CAPITAL_USD, position=0.0)
    data = ReportData(
        title="example",
        algorithm="PPO",
        description=DataDescription(
            symbol="SPY",
            first_session="2024-11-04",
            last_session="2024-11-06",
            train_sessions=10,
            validation_sessions=2,
            test_sessions=3,
            judged="test sessions",
            cost_model="1.00 USD an order, half-spread 0.01 USD a share",
        ),
        metrics={"net_pnl_usd": -23.3, "profit_factor": 0.566, "sharpe_ratio": None, "own_number": 1.5},
        gates=GATES,
        verdict="fail",
        explanation="fail: G1 0.566 is below 1.25 (3 sessions, 3 round trips, 1 trials)",
        baselines={"flat": {"net_pnl_usd": 0.0}, "buy_and_hold": {"net_pnl_usd": -44.0}},
        baseline_bars={"flat": flat},
        sessions=ledger.sessions,
        trades=ledger.trades,
        fills=ledger.fills,
        bars=ledger.bars,
        training_curve=pd.DataFrame({"step": [100, 200], "validation/net_pnl_usd": [-50.0, -20.0]}),
        manifest={"commit": "abc123", "versions": {"torch": "2.13.0"}, "seeds": {"root": 7}, "data_hash": "d" * 400},
        commands=["python train.py seed=7"],
    )
    return replace(data, **changes)


def scaled(factor):
    """The example with every session's result multiplied."""
    return example_ledger().sessions.assign(net_pnl=lambda rows: rows["net_pnl"] * factor)


def without_trades():
    ledger = example_ledger()
    nothing = {name: 0.0 for name in ("net_pnl", "traded_notional", "max_drawdown", *figures.COSTS)}
    return {
        "sessions": ledger.sessions.assign(**nothing, round_trips=0, in_market_minutes=0),
        "trades": ledger.trades.iloc[:0],
        "fills": ledger.fills.iloc[:0],
        "bars": ledger.bars.assign(position=0.0, cash=CAPITAL_USD, nav=CAPITAL_USD, equity=CAPITAL_USD),
        "training_curve": pd.DataFrame(),
    }


class Page(HTMLParser):
    """Text outside scripts and styles, headline, loading attributes and the embedded data of a page."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.words, self.loads, self.scripts, self.first = [], [], [], [], None
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())
        self.payload = json.loads(self.scripts[0])

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "img", "br"):
            self.inside.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_endtag(self, tag):
        self.inside.remove(tag)

    def handle_data(self, data):
        if self.inside and self.inside[-1] == "script":
            self.scripts.append(data)
        elif self.inside and self.inside[-1] not in ("style", "title"):
            self.words.append(data)
            if "body" in self.inside and self.first is None and data.strip():
                self.first = data


def test_example_ledger_adds_up():
    sessions, trades, fills, bars = example_ledger()
    costs = list(figures.COSTS)
    bought = (fills["quantity"] * fills["price"]).groupby(fills["session"]).sum()
    from_fills = -bought - fills.groupby("session")["commission_usd"].sum()
    adverse = (fills["price"] - fills["reference_price"]) * fills["quantity"]
    chained = CAPITAL_USD + sessions["net_pnl"].cumsum()

    np.testing.assert_allclose(bars["cash"] + bars["position"] * bars["close"], bars["nav"], atol=1e-9)
    np.testing.assert_allclose(from_fills, sessions["net_pnl"], atol=1e-9)
    np.testing.assert_allclose(trades["gross_pnl"] - trades[costs].sum(axis=1), trades["net_pnl"], atol=1e-9)
    np.testing.assert_allclose(adverse, fills[costs[1:]].sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(bars.groupby("session")["equity"].last(), chained, atol=1e-9)
    np.testing.assert_allclose(sessions["end_nav"] - sessions["start_nav"], sessions["net_pnl"], atol=1e-9)
    np.testing.assert_allclose(fills["slippage_bps"].iloc[0], 10.4, atol=1e-9)  # 0.52 of 500


def test_headline_says_a_loss_first():
    # 22.70 + 7.70 - 53.70 = -23.30 of 50,000
    assert headline(report_data()) == "Lost 23.30 USD (-0.05 %) over 3 test sessions after costs"


def test_headline_names_a_profit_with_its_verdict_only():
    # -23.30 x -100 = 2,330.00 of 50,000
    words = headline(report_data(sessions=scaled(-100), verdict="Not enough evidence"))
    assert words == "Made 2,330.00 USD (+4.66 %) over 3 test sessions after costs; verdict: Not enough evidence"


def test_headline_adds_missing_evidence_that_the_verdict_leaves_out():
    words = headline(report_data(sessions=scaled(-100), verdict="All gates pass"))
    assert words.endswith("verdict: All gates pass; not enough evidence for 1 of 3 gates")


def test_headline_of_a_run_without_a_trade():
    assert headline(report_data(**without_trades())) == "No trade in 3 test sessions: the result is 0.00 USD"
    one = report_data(**without_trades() | {"sessions": without_trades()["sessions"].iloc[:1]})
    assert headline(one) == "No trade in 1 test session: the result is 0.00 USD"


def test_headline_without_a_session():
    assert headline(report_data(sessions=example_ledger().sessions.iloc[:0])) == "No test session was evaluated"


def test_headline_refuses_a_missing_result():
    with pytest.raises(ParameterError, match="net_pnl must be a finite number"):
        headline(report_data(sessions=scaled(np.array([1.0, np.nan, 1.0]))))


def test_page_begins_with_the_headline():
    shown = Page(page(report_data()))
    assert shown.first == "Lost 23.30 USD (-0.05 %) over 3 test sessions after costs"


def test_page_shows_every_gate_with_value_limit_verdict_and_reason():
    shown = Page(page(report_data())).text
    assert "G1 profit factor 0.566 >= 1.25 fail 0.566 is below 1.25" in shown
    assert "G3 worst session drawdown 0.001074 <= 0.006 pass within the limit" in shown
    assert "E1 sample size n/a >= 20 not enough evidence 3 of 20 sessions" in shown
    assert "Overall: fail (of 3 gates: 1 pass, 1 fail, 1 not enough evidence)" in shown
    assert "fail: G1 0.566 is below 1.25 (3 sessions, 3 round trips, 1 trials)" in shown


def test_page_shows_metrics_beside_the_baselines():
    shown = Page(page(report_data())).text
    assert "Metric this run flat buy and hold Better" in shown
    assert "-23.30 USD 0.00 USD -44.00 USD higher" in shown
    assert "own number 1.5" in shown  # a number that the metric table does not know is shown all the same


def test_page_shows_facts_and_how_to_repeat():
    shown = Page(page(report_data())).text
    assert "10 for training, 2 for validation, 3 for this test" in shown
    assert "1.00 USD an order, half-spread 0.01 USD a share" in shown
    assert "python train.py seed=7" in shown
    assert "commit abc123 versions.torch 2.13.0 seeds.root 7" in shown
    assert "(400 characters)" in shown


def test_page_draws_the_ledger_numbers():
    payload = Page(page(report_data())).payload
    drawn = {key: chart["data"] for key, chart in payload["figures"].items()}
    assert drawn["equity"][0]["y"] == example_ledger().bars["equity"].tolist()
    assert drawn["daily"][0]["x"] == ["2024-11-04", "2024-11-05", "2024-11-06"]
    assert drawn["daily"][0]["y"] == [22.7, 7.7, -53.7]
    assert drawn["costs"][0]["y"] == [-15.0, -7.0, -0.8, -0.3, -0.2, -23.3]
    assert drawn["training"][0]["y"] == [-50.0, -20.0]
    assert [len(session["fills"]) for session in payload["sessions"]] == [2, 2, 3]
    assert payload["busiest"] == 2
    # minutes after the first bar's end at 14:31:00: one second, then 3 minutes and one second
    assert payload["sessions"][0]["fills"][0][:3] == [0.017, 500.52, 10.0]
    assert payload["sessions"][0]["trades"] == [[0.017, 3.017, 500.52, 502.99, 1, 22.7]]


def test_page_loads_nothing_from_elsewhere():
    text = page(report_data())
    assert all(address.startswith("#") for address in Page(text).loads)
    assert "default-src 'none'" in text
    assert "@import" not in re.search(r"<style>.*?</style>", text, re.DOTALL).group()
    assert "url(" not in re.search(r"<style>.*?</style>", text, re.DOTALL).group()
    assert text.count("plotly.js v") == 1


def test_page_escapes_hostile_text():
    gates = [replace(GATES[0], name=HOSTILE, limit=HOSTILE, reason=HOSTILE)]
    description = replace(report_data().description, symbol=HOSTILE, cost_model=HOSTILE)
    names = {"title": HOSTILE, "algorithm": HOSTILE, "verdict": HOSTILE, "explanation": HOSTILE, "commands": [HOSTILE]}
    maps = {"manifest": {HOSTILE: {HOSTILE: HOSTILE}}, "baselines": {HOSTILE: {HOSTILE: 1.0}}}
    equity = {HOSTILE: report_data().baseline_bars["flat"]}
    curve = pd.DataFrame({"step": [1], HOSTILE: [1.0]})
    fills = example_ledger().fills.assign(reason=HOSTILE)
    hostile = report_data(
        **names, **maps, gates=gates, description=description, baseline_bars=equity, training_curve=curve, fills=fills
    )
    text = page(hostile)
    shown = Page(text)
    assert "<script>alert" not in text
    assert "<img" not in text.split('<script id="report-data"')[0]
    assert all(address.startswith("#") for address in shown.loads)
    assert shown.text.count(" ".join(HOSTILE.split())) >= 11
    assert shown.payload["sessions"][0]["fills"][0][4] == HOSTILE


def test_slots_in_user_text_are_not_filled():
    assert "&lt;!--slot:plotly--&gt;" in page(report_data(title="<!--slot:plotly-->"))


def test_page_without_trades_says_so():
    shown = Page(page(report_data(**without_trades())))
    assert set(shown.payload["figures"]) == {"equity"}
    for words in (
        "No order was filled",
        "No round trip was completed.",
        "No position was held",
        "No evaluation was logged",
    ):
        assert words in shown.text


def test_empty_ledger_makes_both_files(tmp_path):
    empty = {name: frame.iloc[:0] for name, frame in example_ledger()._asdict().items()}
    bare = {"gates": [], "metrics": {}, "baselines": {}, "baseline_bars": {}, "manifest": {}, "commands": []}
    write_report(report_data(**empty, **bare), tmp_path / "report.html", tmp_path / "report.png")
    shown = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert shown.first == "No test session was evaluated"
    assert "No metric was computed." in shown.text
    assert "no gate was judged" in shown.text
    assert (tmp_path / "report.png").stat().st_size > 0


@pytest.mark.parametrize("sessions", [1, 3])
def test_picture_is_1600_by_1000_and_not_blank(tmp_path, sessions):
    from matplotlib.image import imread

    ledger = {name: frame[frame["session"] < sessions] for name, frame in example_ledger()._asdict().items()}
    write_report(report_data(**ledger, title=HOSTILE), tmp_path / "report.html", tmp_path / "report.png")
    picture = imread(tmp_path / "report.png")
    assert picture.shape[:2] == (1000, 1600)
    assert np.unique(picture[::4, ::4, 0]).size > 50


def test_fill_kinds_follow_the_position():
    fills = pd.DataFrame(
        {
            "session": [0, 0, 0, 0, 0, 1],
            "quantity": [10.0, 10.0, -5.0, -30.0, 15.0, -1.0],  # 10, 20, 15, -15 (turned round), 0; then -1
            "reason": ["agent", "agent", "agent", "agent", "session_close", "agent"],
        }
    )
    expected = ["buy entry", "buy entry", "sell exit", "sell entry", "forced exit", "sell entry"]
    assert figures.fill_kinds(fills) == expected


def test_chained_drawdown_starts_at_the_capital():
    # +10 %, -10 %, +10 % of 100: 110, 99, 108.9; from 110 to 99 is 10 %
    np.testing.assert_allclose(figures.chained_drawdown(np.array([110.0, 99.0, 108.9]), 100.0), [0.0, -10.0, -1.0])
    np.testing.assert_allclose(figures.chained_drawdown(np.array([95.0]), 100.0), [-5.0])


def test_histogram_never_mixes_gains_and_losses():
    values = np.array([-7.0, -0.5, 0.0, 0.5, 3.0, 12.0])
    edges, counts = figures.histogram(values)
    assert 0.0 in edges
    assert counts[edges[1:] <= 0].sum() == 3  # the zero is no gain
    assert counts[edges[:-1] >= 0].sum() == 3


@pytest.mark.parametrize("values", [[5.0], [-5.0], [0.0], [0.0, 0.0], [1e-12, 2.0]])
def test_histogram_counts_every_trade(values):
    edges, counts = figures.histogram(np.array(values))
    assert counts.sum() == len(values)
    assert (np.diff(edges) > 0).all()
    assert counts[edges[1:] <= 1e-15].sum() == sum(value <= 0 for value in values)


def test_thinning_keeps_the_extremes_and_both_ends():
    rng = np.random.default_rng(1)
    equity = 1000.0 + rng.normal(size=10_000).cumsum()
    drawdown = figures.chained_drawdown(equity, 1000.0)
    rows = figures.thinned_rows(drawdown, equity, 100)
    assert len(rows) <= 102
    assert {0, 9_999, int(drawdown.argmin()), int(equity.argmax())} <= set(rows.tolist())
    assert (np.diff(rows) > 0).all()


def test_price_sessions_stay_within_their_room(monkeypatch):
    monkeypatch.setattr(figures, "MAX_PRICE_CHARACTERS", 800)  # room for two of the three
    shown, busiest = figures.price_sessions(*example_ledger())
    assert [session["label"][:10] for session in shown] == ["2024-11-04", "2024-11-06"]
    assert busiest == 1
    assert "2 of 3 sessions with the largest gains and losses" in page(report_data())


@pytest.mark.slow
def test_browser_draws_every_figure_without_a_complaint(tmp_path):
    probe = """<script>
    document.getElementById("earlier").click();
    document.getElementById("theme").click();
    const plots = [...document.querySelectorAll(".js-plotly-plot")];
    const marks = plots.map((plot) => plot.id + ":" + plot.querySelectorAll("path, .points text").length);
    document.title = "probe " + picked() + " " + document.documentElement.className + " " + marks.join(" ");
    function picked() { return document.getElementById("session").selectedOptions[0].text.slice(0, 10); }
    </script></body>"""
    path = tmp_path / "report.html"
    text = page(report_data())
    assert text.rstrip().endswith("</body>\n</html>")
    path.write_text(text.replace("</body>\n</html>", f"{probe}\n</html>"), encoding="utf-8")
    dom, console = browser_dump(path, tmp_path / "profile")
    assert console == []
    title = re.search(r"<title>probe (.*?)</title>", dom).group(1)
    date, theme, *plots = title.split(" ")
    assert date == "2024-11-05"  # one before the busiest
    assert theme == "dark"
    drawn = dict(plot.split(":") for plot in plots)
    names = {"equity", "price", "daily", "costs", "trades", "exposure", "training"}
    assert set(drawn) == {f"figure-{name}" for name in names}
    assert all(int(count) > 3 for count in drawn.values())


@pytest.mark.slow
def test_browser_check_sees_a_script_error(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page(report_data()).replace("function drawAll() {", "function drawAll() { missing();"))
    assert browser_dump(path, tmp_path / "profile")[1] != []


def test_report_of_several_symbols_shows_each_on_its_own_price(tmp_path):
    ledger = two_symbol_ledger()
    sessions, trades, fills, bars = combine_by_date(ledger)
    data = report_data(sessions=sessions, trades=trades, fills=fills, bars=bars, account_frames=ledger.frames)
    data = replace(data, baseline_bars={"buy_and_hold": bars})
    assert headline(data).startswith("Made 544.00 USD (+0.54 %) over 2 test sessions")
    labels = [entry["label"] for entry in json.loads(re.search(r'"sessions":(\[.*?\]),"busiest"', page(data))[1])]
    assert labels == [
        "2024-01-02 SHARE: +300.00 USD, 1 round trip",
        "2024-01-02 FUTURE: +746.00 USD, 2 round trips",
        "2024-01-03 FUTURE: -502.00 USD, 1 round trip",
    ]
    write_report(data, tmp_path / "report.html", tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000
