"""Draw the pictures of docs/ from the code that they explain: `make docs`, or `python docs/draw.py`.

Nothing is drawn from a formula written down here: penalties, spreads, impact and the halt come from calling the models
and stepping the environment. The market is simulated with a seed, so every call draws the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, StrMethodFormatter

from intraday_rl import make_env
from intraday_rl.app.build import build_plan
from intraday_rl.app.compose import compose
from intraday_rl.core import structs
from intraday_rl.env.rewards import StepRow, reward_term
from intraday_rl.evaluation.report.picture import GAIN, LOSS, MUTED, SHORT, SOFT, STYLE, TEXT
from intraday_rl.market.advance import Execution, execute
from intraday_rl.market.rows import AccountRow, BarRow, OrderRow, OwnMemory
from intraday_rl.market.spreads import half_spread

IMAGES = Path(__file__).parent / "images"
DOTS_PER_INCH = 100
NAV = 50_000.0
QUIET = StepRow(
    nav_before=NAV, nav_after=NAV, start_nav=NAV, traded_usd=0.0, drawdown=0.0, position=0.0, closed_usd=0.0,
    is_first_fill=False, recovered=False, changed=False, repeats=0, ends=False, progress=1.0, typical_usd=0.0,
)  # fmt: skip
BUY = 2
MINUTES_SHOWN = 150
LATE = 200  # bars
HALTING = ["risk=phase3", "risk.layers.daily_drawdown=0.004"]


@contextmanager
def picture(path: Path, width: int, height: int) -> Iterator[Figure]:
    """Hand out a figure of so many pixels, and write it as a PNG file."""
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, layout="constrained"
        )
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})


def memory() -> Any:
    """Return one empty memory of a term or rule."""
    return structs.empty(OwnMemory, 1)[0]


def terms_of(reward: str) -> dict[str, Any]:
    """Return the terms of a preset of conf/reward."""
    return dict(build_plan(compose([f"reward={reward}"])).rules.terms)


def penalty_curves(path: Path) -> None:
    """Draw the two turnover penalties around their pivot, and the drawdown penalty early and late in training."""
    excess = np.linspace(0.0002, 0.06, 300)
    curves = [("turnover_averse", GAIN, "-"), ("literal_huber", LOSS, "--")]
    with picture(path, 1400, 480) as figure:
        plain, logarithmic, drawdown = figure.subplots(1, 3)
        for reward, colour, dashes in curves:
            term = terms_of(reward)["turnover"]
            usd = [
                -reward_term(term, QUIET._replace(traded_usd=NAV * (e + term.limit)), memory()) for e in excess.tolist()
            ]
            for axes in (plain, logarithmic):
                axes.plot(100 * excess, usd, dashes, color=colour, lw=2, label=type(term).__name__)
        for axes in (plain, logarithmic):
            axes.axvline(2.0, color=MUTED, lw=1, ls=":")
            axes.set_xlabel("traded value beyond the limit of 2 %, % of NAV")
        plain.set(title="Turnover penalty at 50,000 USD, USD a bar", xlim=(0, 6), ylim=(0, 7))
        plain.annotate("pivot", (1.95, 6.6), color=SOFT, ha="right")
        plain.legend(loc="lower right")
        logarithmic.set(title="The same, logarithmic scale", xlim=(0, 6), yscale="log")
        logarithmic.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        term, fall = terms_of("fast_recovery")["drawdown"], np.linspace(0.0, 0.06, 300)
        for progress, colour, words in ((1.0, LOSS, "end of training"), (0.0, GAIN, "start of training")):
            steps = [QUIET._replace(drawdown=d, progress=progress) for d in fall.tolist()]
            usd = [-reward_term(term, step, memory()) for step in steps]
            drawdown.plot(100 * fall, usd, color=colour, lw=2, label=words)
        drawdown.set(title="Drawdown penalty, USD a bar", xlabel="drawdown, % of session-start NAV", xlim=(0, 6))
        drawdown.legend(loc="upper left")


def spread_widening(path: Path) -> None:
    """Draw an afternoon's base, widened and quoted spread below the price and the volume that make it widen."""
    env = make_env(sessions="test")
    tape, spread = env.batch.tape, env.batch.rules.execution.spread
    session = int(env.batch.sessions[3])
    rows = tape.rows[tape.last_row[session] - MINUTES_SHOWN : tape.last_row[session] + 1]
    hours = hour_of_day(rows["minutes_to_close"])
    blind = rows.copy()
    blind["quoted_spread"] = np.nan
    widened = [200.0 * half_spread(spread, before, bar) for before, bar in pairwise(blind)]
    with picture(path, 1500, 800) as figure:
        price, volume, cents = figure.subplots(3, 1, sharex=True, height_ratios=(1, 0.7, 1.7))
        price.plot(hours, rows["close"], color=SOFT, lw=1.4)
        price.set(title=f"Close, price units: simulated session of {tape.dates[session]}", xlim=(hours[0], 16))
        volume.bar(hours, rows["volume"] / 1000.0, width=-0.8 / 60, color=MUTED, align="edge")
        volume.set_title("Volume, thousand shares a minute")
        cents.step(hours[1:], widened, where="pre", color=LOSS, lw=1.4, label="widened, where data have no quotes")
        cents.step(hours, 100.0 * rows["quoted_spread"], where="post", color=GAIN, lw=1.6, label="quoted by the market")
        cents.axhline(100.0 * spread.base_spread, color=TEXT, lw=1.4, ls="--", label="base spread")
        cents.axhline(100.0 * spread.base_spread * spread.widest, color=MUTED, lw=1.2, ls=":", label="widest")
        cents.set(title="Spread, hundredths of a price unit", xlabel="time, New York", ylim=(0, 6.6))
        cents.xaxis.set_major_formatter(FuncFormatter(clock))
        cents.legend(loc="upper center", ncols=4)


def hour_of_day(minutes_to_close: Any) -> Any:
    """Return the hour of a full day at which a minute ends."""
    return 16.0 - np.asarray(minutes_to_close) / 60.0


def clock(hour: float, _: int | None) -> str:
    """Return the hour as text, 15:30 for 15.5."""
    return f"{int(hour)}:{round(60 * hour) % 60:02d}"


def calm_bar() -> BarRow:
    """Return a bar that stands still at 100, with what the middle of a simulated session has of scale."""
    rows = make_env(sessions="test").batch.tape.rows
    typical = {name: float(np.nanmedian(rows[name])) for name in ("volatility", "typical_volume", "kyle_lambda")}
    still = dict.fromkeys(("open", "high", "low", "close", "vwap", "mid"), 100.0)
    quiet = {"quoted_spread": np.nan, "atr": 0.1, "widening": 1.0, "calm_volatility": 0.0}
    flags = {"blackout": 0, "minutes_to_close": 200, "traded": 1}
    return BarRow(**still, **typical, **quiet, **flags, volume=1e6)


def paid(execution: Execution, bar: BarRow, orders: dict[int, float], minutes: int) -> dict[str, Any]:
    """Return S, F and what each fill pays above or below the mid, all in hundredths of a price unit, by bar."""
    account = structs.empty(AccountRow, 1)[0]
    slow, fast, prices = [], [], {}
    for minute in range(minutes):
        order = OrderRow(quantity=orders.get(minute, 0.0), urgent=False, arrival=0.0, mid=bar.mid)
        fill = execute(order, account, bar, bar, execution)
        slow.append(100.0 * account["slow_impact"])
        fast.append(100.0 * account["fast_impact"])
        if fill.quantity:
            prices[minute] = 100.0 * (fill.price - bar.mid)
    return {"slow": np.array(slow), "fast": np.array(fast), "prices": prices}


def impact_decay(path: Path) -> None:
    """Draw what one fill and a sequence of fills leave in the market, and what each pays, by both impact models."""
    minutes = 24
    sequence = {**dict.fromkeys((2, 4, 6, 8), 300.0), 13: -1200.0}
    cases = [("One purchase of 300 shares", {2: 300.0}), ("Four purchases of 300, one sale of 1,200", sequence)]
    models = {}
    for name in ("kyle", "square_root"):
        execution = build_plan(compose([f"market/impact={name}"])).rules.execution
        models[name] = execution._replace(spread=execution.spread._replace(multiple=0.0))
    bar = calm_bar()
    with picture(path, 1500, 600) as figure:
        for axes, (title, orders) in zip(figure.subplots(1, 2), cases, strict=True):
            kyle, root = (paid(models[name], bar, orders, minutes) for name in ("kyle", "square_root"))
            bars = np.arange(minutes)
            axes.bar(bars, kyle["slow"], width=0.9, color=GAIN, alpha=0.45, label="S, slow part: 70 % kept a bar")
            axes.bar(
                bars, kyle["fast"], width=0.9, bottom=kyle["slow"], color=SHORT, alpha=0.55,
                label="F, fast part: 50 % kept a bar",
            )  # fmt: skip
            for found, mark, words in ((kyle, "o", "paid, Kyle"), (root, "x", "paid, square root")):
                places = list(found["prices"])
                axes.plot(places, [found["prices"][p] for p in places], mark, color=TEXT, ms=9, mew=2, mfc="none",
                          label=words)  # fmt: skip
            axes.axhline(0.0, color=TEXT, lw=1)
            axes.set(title=title, xlabel="bar", xlim=(0, minutes))
        figure.axes[0].set_ylabel("above the mid, hundredths of a price unit")
        figure.axes[0].legend(loc="upper right")


def until_the_end(env: Any, action: int) -> dict[str, Any]:
    """Repeat one action for a session; return what the account was after each bar, by name, and the session's rows."""
    batch = env.batch
    env.reset()
    names = ("nav", "baseline", "breach_bars", "position", "closing", "bar")
    kept, ended = [], False
    while not ended:
        *_, terminated, truncated, _ = env.step(action)
        ended = terminated or truncated
        row = batch.finished[0] if ended else batch.accounts[0]
        kept.append([row[name] for name in names])
    return dict(zip(names, np.array(kept).T, strict=True))


def drawdown_halt(path: Path) -> None:
    """Draw a session that the daily drawdown layer ends, from stepping the environment."""
    env = make_env(HALTING, seed=0)
    layers, rows = env.batch.rules.risk.layers, env.batch.tape.rows
    story = until_the_end(env, BUY)
    while story["breach_bars"].max() <= layers.breach_bars or len(story["bar"]) < LATE:
        story = until_the_end(env, BUY)
    hours = hour_of_day(rows["minutes_to_close"][story["bar"].astype(int)])
    line, halt = story["baseline"] - layers.daily_drawdown * NAV, hours[story["breach_bars"] > layers.breach_bars][0]
    beyond = story["breach_bars"] > 0
    with picture(path, 1500, 800) as figure:
        nav, count, position = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 0.8))
        nav.plot(hours, story["baseline"], color=MUTED, lw=1.4, label="baseline: highest NAV so far")
        nav.plot(hours, line, color=LOSS, lw=1.4, ls="--", label="layer: baseline less 0.4 % of session-start NAV")
        nav.plot(hours, story["nav"], color=GAIN, lw=1.6, label="NAV")
        nav.fill_between(hours, story["nav"], line, where=beyond, color=LOSS, alpha=0.2, lw=0)
        nav.set(title="NAV, USD", xlim=(9.5, 16))
        nav.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        nav.legend(loc="lower center")
        count.step(hours, story["breach_bars"], where="post", color=LOSS, lw=1.6)
        count.axhline(layers.breach_bars, color=TEXT, lw=1.2, ls=":")
        count.annotate("60", (9.55, layers.breach_bars), color=TEXT, va="bottom")
        count.set(title="Bars in a row beyond the layer", ylim=(0, 75))
        position.step(hours, story["position"], where="post", color=SOFT, lw=1.6)
        position.set(title="Position, shares", xlabel="time, New York", ylim=(-20, None))
        position.xaxis.set_major_formatter(FuncFormatter(clock))
        for axes in (nav, count, position):
            axes.axvline(halt, color=TEXT, lw=1.2)
            axes.axvspan(hours[-1], 16, color="#f2f4f7", lw=0)
        nav.annotate(
            "61st bar: halt. Sold in the\nnext bar, the day is over.", (halt, nav.get_ylim()[0]), xytext=(-8, 14),
            textcoords="offset points", color=TEXT, ha="right",
        )  # fmt: skip


PICTURES: tuple[Callable[[Path], None], ...] = (penalty_curves, spread_widening, impact_decay, drawdown_halt)


def main(folder: Path = IMAGES) -> None:
    """Write all pictures into the folder, each under its function's name."""
    for draw in PICTURES:
        draw(folder / f"{draw.__name__}.png")


if __name__ == "__main__":
    main()
