"""Slots are filled once, and every page has the shared look."""

import pytest

from intraday_rl.core.webpage import fill_template, template


@pytest.fixture
def written(monkeypatch):
    """Make the template of a package that is not there."""
    real = template._read

    def write(text):
        monkeypatch.setattr(template, "_read", lambda package, name: text if package == "own" else real(package, name))

    return write


def test_slots_are_filled_once(written):
    written("<b><!--slot:one--></b><i><!--slot:two--></i>")
    assert fill_template("own", {"one": "<!--slot:two-->", "two": r"\1"}) == r"<b><!--slot:two--></b><i>\1</i>"


def test_a_slot_without_text_is_an_error(written):
    written("<!--slot:missing-->")
    with pytest.raises(KeyError, match="missing"):
        fill_template("own", {})


def test_look_and_theme_are_at_hand(written):
    written("<style><!--slot:look--></style><script><!--slot:theme--></script>")
    page = fill_template("own", {})
    assert ":root.dark {" in page
    assert "function startTheme(draw) {" in page
