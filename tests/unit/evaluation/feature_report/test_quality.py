"""Counts of a table small enough to count by hand."""

import numpy as np
import pytest

from intraday_rl.core.errors import ParameterError
from intraday_rl.evaluation.feature_report.quality import feature_quality, record_quality
from tests.unit.evaluation.feature_report.feature_tables import noise, report_data, symbol_features

NAN = np.nan
# Two sessions of 4 minutes; minute 2 of the first and minute 0 of the second have no bar.
TRADED = [1, 1, 0, 1, 0, 1, 1, 1]
SLOW = [NAN, 5, 5, 6, NAN, 7, NAN, 8]  # one value is missing on a minute with a bar after warm-up, of 5 there
CLOCK = [0, 1, 2, 3, 0, 1, 2, 3]  # needs no bar
NEVER = [NAN] * 8


def example(symbol="TEST", **changes):
    sources = {"a": "quotes", "b": "bars", "c": "bars"}
    given = {"traded": TRADED, "sources": sources, "parts": {"train": np.array([0, 1])}} | changes
    return symbol_features([SLOW, CLOCK, NEVER], 2, symbol=symbol, **given)


def test_features_by_hand():
    found = feature_quality(report_data(example()))
    assert found["source"].tolist() == ["quotes", "bars", "bars"]
    # After the first known value, a has minutes with a bar: 1, 3 | 1, 2, 3; missing is minute 2 of the second session.
    np.testing.assert_allclose(found["missing"], [1 / 5, 0, 0])
    # a repeats 5 once among its 5 known values; the clock moves on; a session's first minute repeats nothing.
    np.testing.assert_allclose(found["carried"], [1 / 5, 0, 0])
    assert found["first_known"].tolist() == ["2024-01-02, minute 1", "2024-01-02, minute 0", "never"]


def test_record_by_hand():
    table = symbol_features([SLOW, CLOCK], 2, traded=TRADED, parts={"train": np.array([0])})
    assert record_quality(report_data(table))._asdict() == {
        "sessions": 2,
        "minutes": 8,
        "without_bar": 2,
        "warm_up": 1,
        "incomplete": 1,
    }


def test_record_without_a_complete_minute_is_all_warm_up():
    found = record_quality(report_data(example()))
    assert (found.warm_up, found.incomplete) == (8, 0)


def test_symbols_add_up_and_name_their_sources():
    late = symbol_features(
        [[*[NAN] * 5, 1, 1, 1], CLOCK, NEVER], 2, "LATE", {"train": np.array([0, 1])}, sources={"a": "proxy"}
    )
    found = feature_quality(report_data(example("SPY"), late))
    assert found["source"].tolist() == ["quotes (SPY); proxy (LATE)", "bars (SPY);  (LATE)", "bars (SPY);  (LATE)"]
    assert found.loc["a", "first_known"] == "2024-01-03, minute 1"
    assert found.loc["a", "missing"] == pytest.approx(1 / 8)
    assert record_quality(report_data(example(), late)).minutes == 16


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"names": ("a",)}, r"values must have the shape \(8, 1\), was \(8, 3\)"),
        ({"tables": ()}, "tables must be one or more"),
        ({"tables": (example(parts={}),)}, "one or more parts"),
        ({"tables": (example(), example("B", parts={"test": np.array([0])}))}, r"B: parts must be \('train',\)"),
        ({"tables": (example(traded=[True] * 7),)}, "traded must have 8 rows, had 7"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changes, words):
    from intraday_rl.evaluation.feature_report import FeatureReportData

    given = {"title": "x", "names": ("a", "b", "c"), "tables": (example(),)}
    with pytest.raises(ParameterError, match=words):
        FeatureReportData(**given | changes)


def test_symbols_and_parts_are_named_in_order():
    data = report_data(symbol_features(noise(5), 5, "B"), symbol_features(noise(5), 5, "A"))
    assert data.symbols == ("B", "A")
    assert data.parts == ("train", "validation", "test")
