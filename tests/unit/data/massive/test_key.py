"""The key: where it comes from, and that nothing shows it."""

import pytest

from intraday_rl.core.errors import DataError
from intraday_rl.data.massive import ApiKey


def test_key_is_taken_from_the_first_variable_that_is_set():
    assert ApiKey.from_environment({"MASSIVE_API_KEY": " abc\n", "POLYGON_API_KEY": "old"}).value == "abc"
    old = ApiKey.from_environment({"MASSIVE_API_KEY": "", "POLYGON_API_KEY": "old"})
    assert (old.value, old.variable) == ("old", "POLYGON_API_KEY")


def test_key_missing_is_one_line_with_the_remedy():
    with pytest.raises(DataError, match=r"needs a key: export MASSIVE_API_KEY=… with the key from your account"):
        ApiKey.from_environment({})


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel", "a\x00b"])
def test_key_that_cannot_be_one_is_refused_without_being_shown(value):
    with pytest.raises(DataError, match="MASSIVE_API_KEY must be a key of visible ASCII letters") as caught:
        ApiKey.from_environment({"MASSIVE_API_KEY": value})
    assert value not in str(caught.value)


def test_key_is_not_in_its_repr_and_is_struck_from_texts():
    key = ApiKey("a/b+c", "MASSIVE_API_KEY")
    assert "a/b+c" not in f"{key} {key!r}"
    assert key.hide("Bearer a/b+c, apiKey=a%2Fb%2Bc.") == "Bearer (key), apiKey=(key)."
