"""Accounts by hand: a market without costs in which 100 units, bought at 100, make the NAV whatever a test asks for.

An order decided at the close of row t fills at the open of row t + 1, which is the close of row t.
"""

from tests.support.tapes import make_tape


def nav_tape(navs, sessions=1, spare=3, **columns):
    """Return a tape on which 100 units bought in row 1 are worth these NAVs at the closes from row 1 on.

    Args:
        navs: USD, of an account that begins with 50,000.
        sessions: how often the session is repeated.
        spare: bars after the last of them, at its price.
        columns: other BarRow fields, one value for each of the first bars.
    """
    closes = [100.0, *(100.0 + (nav - 50_000.0) / 100.0 for nav in navs)]
    closes += [closes[-1]] * spare
    opens = [100.0, 100.0, *closes[1:-1]]
    return make_tape([bars_of(len(closes), close=closes, open=opens, **columns)] * sessions)


def bars_of(num_bars, **columns):
    """Return bars at 100; a column is a list with one value for each of the first bars."""
    bars = [{"close": 100.0} for _ in range(num_bars)]
    for name, values in columns.items():
        for bar, value in zip(bars, values, strict=False):
            bar[name] = value
    return bars


def flat_tape(num_bars=40, **columns):
    """Return one session of such bars as a tape."""
    return make_tape([bars_of(num_bars, **columns)])


def column(steps, name):
    """Return a field of the account after each step."""
    return [step[name] for step in steps]


def rules_of(batch, steps):
    """Return the name of the rule that changed each decision; "" where none did."""
    names = batch.rules.risk.rule_names
    return [names[step["rule"]] for step in steps]
