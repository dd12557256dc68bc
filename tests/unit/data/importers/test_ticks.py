"""What only ticks tell, by hand: sides, order flow, effective spread, and what is left out of them."""

import numpy as np
import pandas as pd
import pytest

from intraday_rl.data.importers.ticks import aggressor_side, bars_of_ticks, order_flow, quote_before

SECOND_NS = 1_000_000_000
NOT_TOLD = np.nan


def trades(*rows):
    frame = pd.DataFrame(rows, columns=["seconds", "price", "size", "side"])
    time_ns = (frame["seconds"] * SECOND_NS).astype("int64")
    return frame.assign(time_ns=time_ns, session=0, priced=True)


def quotes(*rows):
    frame = pd.DataFrame(rows, columns=["seconds", "bid", "bid_size", "ask", "ask_size"])
    return frame.assign(time_ns=(frame["seconds"] * SECOND_NS).astype("int64"), session=0)


def side(prices, mids, sessions=None):
    sessions = np.zeros(len(prices), dtype=np.int64) if sessions is None else np.array(sessions)
    return aggressor_side(np.array(prices), np.array(mids), sessions).tolist()


def test_aggressor_side_is_told_by_the_mid():
    assert side([10.01, 9.99], [10.0, 10.0]) == [1.0, -1.0]


def test_aggressor_side_at_the_mid_is_told_by_the_last_different_price():
    # 10.00 is unknown at the start; up to 10.02, again 10.02 (still up against 10.00), down to 10.01, again 10.01
    prices = [10.00, 10.00, 10.02, 10.02, 10.01, 10.01]
    assert side(prices, prices) == [0.0, 0.0, 1.0, 1.0, -1.0, -1.0]


def test_aggressor_side_at_the_mid_does_not_look_into_the_session_before():
    assert side([10.0, 11.0, 11.0, 10.5], [10.0, 11.0, 11.0, 10.5], [0, 1, 1, 1]) == [0.0, 0.0, 0.0, -1.0]


def test_aggressor_side_at_a_mid_of_half_a_cent_is_not_decided_by_rounding():
    below = float(np.nextafter(13.925, 0.0))
    assert side([13.93, 13.925, 13.925], [13.925, 13.925, below]) == [1.0, -1.0, -1.0]


def test_quote_before_is_stamped_strictly_earlier():
    book = quotes((1, 9.0, 1, 10.0, 1), (2, 9.1, 1, 10.1, 1), (2, 9.2, 1, 10.2, 1))
    prints = trades((1, 10.0, 1, 1), (2, 10.0, 1, 1), (2.5, 10.0, 1, 1))
    assert quote_before(prints, book).tolist() == [-1, 0, 2]


@pytest.mark.parametrize(
    ("after", "flow"),
    [
        ((10.00, 700, 10.02, 300), 200),  # 200 more at the same bid
        ((10.01, 400, 10.02, 300), 400),  # a higher bid: all of it is new demand
        ((9.99, 900, 10.02, 300), -500),  # a lower bid: the former one is gone
        ((10.00, 500, 10.02, 450), -150),  # 150 more at the same ask
        ((10.00, 500, 10.01, 100), -100),  # a lower ask: all of it is new supply
        ((10.00, 500, 10.03, 100), 300),  # a higher ask: the former one is gone
        ((10.01, 250, 10.03, 100), 550),  # both up
        ((10.00, 500, np.nan, 0), 0),  # not comparable
    ],
)
def test_order_flow_of_one_change(after, flow):
    book = quotes((0, 10.00, 500, 10.02, 300), (1, *after))
    assert order_flow(book).tolist() == [0.0, flow]


def test_order_flow_starts_anew_in_each_session():
    book = quotes((0, 10.00, 500, 10.02, 300), (1, 10.01, 400, 10.02, 300)).assign(session=[0, 1])
    assert order_flow(book).tolist() == [0.0, 0.0]


def hour():
    """Two minutes: quotes of 100.00 x 100.10, then from second 70 of 100.10 x 100.20."""
    book = quotes((0, 100.00, 500, 100.10, 300), (70, 100.10, 200, 100.20, 400))
    prints = trades(
        (10, 100.10, 300, NOT_TOLD),  # a buyer, 0.05 above the mid of 100.05
        (20, 100.00, 100, NOT_TOLD),  # a seller, 0.05 below it
        (30, 100.05, 100, NOT_TOLD),  # at the mid, after a lower price: a buyer, at no cost
        (80, 100.20, 200, NOT_TOLD),  # a buyer, 0.05 above the mid of 100.15
    )
    return prints, book


def test_bars_of_ticks_measured_columns_by_hand():
    bars, counts = bars_of_ticks(*hour())
    assert bars["buy_volume"].tolist() == [400.0, 200.0]
    assert bars["sell_volume"].tolist() == [100.0, 0.0]
    # 2e4 * 0.05/100.05 = 9.99500 bps over 400 of 500 shares
    np.testing.assert_allclose(bars["effective_spread_bps"], [0.8 * 1000 / 100.05, 1000 / 100.15], rtol=1e-9)
    # (0.6 - 0.2 + 0.2)/100.05
    np.testing.assert_allclose(bars["side_per_mid"], [0.6 / 100.05, 1 / 100.15], rtol=1e-9)
    assert bars["order_flow"].tolist() == [0.0, 200.0 + 300.0]
    assert bars["bid"].tolist() == [100.00, 100.10]
    assert set(counts.values()) == {0}


def test_bars_of_ticks_effective_spread_splits_at_any_later_mid():
    prints, book = hour()
    bars, _ = bars_of_ticks(prints, book)
    later = 100.30
    d, w, m = np.array([1, -1, 1]), np.array([0.6, 0.2, 0.2]), 100.05
    p = prints["price"].to_numpy()[:3]
    realised, adverse = 2e4 * (w * d * (p - later) / m).sum(), 2e4 * (w * d * (later - m) / m).sum()
    first = bars.iloc[0]
    assert first["effective_spread_bps"] == pytest.approx(realised + adverse, rel=1e-9)
    sided = (first["buy_volume"] - first["sell_volume"]) / (first["buy_volume"] + first["sell_volume"])
    assert adverse == pytest.approx(2e4 * (later * first["side_per_mid"] - sided), rel=1e-9)


def test_bars_of_ticks_told_sides_are_kept():
    bars, _ = bars_of_ticks(trades((10, 100.10, 300, -1)), quotes((0, 100.00, 500, 100.10, 300)))
    assert bars[["buy_volume", "sell_volume"]].to_numpy().tolist() == [[0.0, 300.0]]
    np.testing.assert_allclose(bars["effective_spread_bps"], -1000 / 100.05, rtol=1e-9)


LEFT_OUT = [
    ("trade before the session's first quote", trades((0, 100.1, 7, 1)), quotes((0, 100.0, 5, 100.1, 3))),
    ("trade at a locked, crossed or one-sided quote", trades((1, 100.1, 7, 1)), quotes((0, 100.1, 5, 100.1, 3))),
    ("trade at a locked, crossed or one-sided quote", trades((1, 100.1, 7, 1)), quotes((0, 100.2, 5, 100.1, 3))),
    ("trade at a locked, crossed or one-sided quote", trades((1, 100.1, 7, 1)), quotes((0, np.nan, 0, 100.1, 3))),
    ("trade without an aggressor (auction)", trades((1, 100.1, 7, 0)), quotes((0, 100.0, 5, 100.1, 3))),
    ("trade of unknown side", trades((1, 100.05, 7, NOT_TOLD)), quotes((0, 100.0, 5, 100.1, 3))),
]


@pytest.mark.parametrize(("reason", "prints", "book"), LEFT_OUT)
def test_bars_of_ticks_unmeasurable_trades_are_counted_and_stay_in_the_bar(reason, prints, book):
    bars, counts = bars_of_ticks(prints, book)
    assert {name: count for name, count in counts.items() if count} == {reason: 1}
    assert bars["volume"].tolist() == [7]
    assert bars[["buy_volume", "sell_volume"]].to_numpy().tolist() == [[0.0, 0.0]]
    assert bars[["effective_spread_bps", "side_per_mid"]].isna().all(axis=None)


def test_bars_of_ticks_without_quotes_measure_nothing():
    bars, _ = bars_of_ticks(trades((0, 100.1, 7, NOT_TOLD)), None)
    assert not {"bid", "buy_volume", "order_flow"} & set(bars)


def test_bars_of_ticks_order_flow_is_null_before_the_first_quote():
    bars, _ = bars_of_ticks(trades((0, 100.1, 7, 1), (130, 100.1, 7, 1)), quotes((61, 100.0, 5, 100.1, 3)))
    np.testing.assert_array_equal(bars["order_flow"], [np.nan, 0.0])


def plain_minutes(prints, book):
    """Return the measured columns of minute 0 to 2, trade by trade and quote by quote, without numpy."""
    minutes = [{"buy": 0.0, "sell": 0.0, "spread": 0.0, "side": 0.0, "flow": 0.0} for _ in range(3)]
    for now, new in enumerate(book):
        if now:
            old = book[now - 1]
            e = (new[2] if new[1] >= old[1] else 0) - (old[2] if new[1] <= old[1] else 0)
            e += (old[4] if new[3] >= old[3] else 0) - (new[4] if new[3] <= old[3] else 0)
            minutes[new[0] // 60]["flow"] += e
    different, last = None, None
    for second, price, size, _ in prints:
        if last is not None and price != last:
            different = last
        last = price
        before = [quote for quote in book if quote[0] < second]
        if not before or before[-1][1] >= before[-1][3]:
            continue
        mid = (before[-1][1] + before[-1][3]) / 2
        reference = mid if price != mid else different
        if reference is None:
            continue
        d = 1 if price > reference else -1
        minute = minutes[second // 60]
        minute["buy" if d > 0 else "sell"] += size
        minute["spread"] += size * 2e4 * d * (price - mid) / mid
        minute["side"] += size * d / mid
    return minutes


@pytest.mark.parametrize("seed", range(5))
def test_bars_of_ticks_equal_a_plain_count(seed):
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, 180, 200)).tolist()
    bids = (100 + random.integers(0, 8, 200) / 8).tolist()  # eighths: halves of them are exact
    book = [(s, b, int(q), b + k / 8, int(r)) for s, b, q, k, r in zip(
        seconds, bids, random.integers(1, 9, 200), random.integers(-1, 4, 200), random.integers(1, 9, 200), strict=True
    )]  # fmt: skip
    times, prices = np.sort(random.integers(0, 180, 300)).tolist(), (100 + random.integers(0, 20, 300) / 16).tolist()
    prints = [(s, p, int(q), NOT_TOLD) for s, p, q in zip(times, prices, random.integers(1, 9, 300), strict=True)]
    bars, _ = bars_of_ticks(trades(*prints), quotes(*book))
    expected = pd.DataFrame(plain_minutes(prints, book))
    volume = expected["buy"] + expected["sell"]
    np.testing.assert_array_equal(bars[["buy_volume", "sell_volume", "order_flow"]], expected[["buy", "sell", "flow"]])
    np.testing.assert_allclose(bars["effective_spread_bps"], expected["spread"] / volume, rtol=1e-12)
    np.testing.assert_allclose(bars["side_per_mid"], expected["side"] / volume, rtol=1e-12)
