"""The first difference of two JSON values, named by its place."""

import pytest

from intraday_rl.core.differences import first_difference

VALUE = {"cost": {"fee": 0.005, "names": ["a", "b"]}, "flag": True}


def test_equal_values_do_not_differ():
    assert first_difference(VALUE, {"flag": True, "cost": {"names": ["a", "b"], "fee": 0.005}}) is None


@pytest.mark.parametrize(
    ("found", "phrase"),
    [
        ({"cost": {"fee": 0.004, "names": ["a", "b"]}, "flag": True}, "cost.fee is 0.004, should be 0.005"),
        ({"cost": {"names": ["a", "b"]}, "flag": True}, "cost.fee is missing, should be 0.005"),
        ({**VALUE, "more": 1}, "more should not be there, is 1"),
        ({**VALUE, "flag": 1}, "flag is 1, should be True"),
        ({**VALUE, "cost": None}, "cost is None, should be {'fee': 0.005, 'names': ['a', 'b']}"),
        ({"cost": {"fee": 0.005, "names": ["a", "c"]}, "flag": True}, "cost.names[1] is 'c', should be 'b'"),
        ({"cost": {"fee": 0.005, "names": ["a"]}, "flag": True}, "cost.names has 1 items, should have 2"),
    ],
)
def test_difference_names_the_place_and_both_values(found, phrase):
    assert first_difference(VALUE, found) == phrase


def test_difference_starts_at_the_given_place():
    assert first_difference([1], [2], "rows") == "rows[0] is 2, should be 1"
