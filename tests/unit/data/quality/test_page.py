"""The page and the table: they say what the numbers say, load nothing and escape what files bring."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from rich.console import Console

from intraday_rl.core.errors import DataError
from intraday_rl.data.quality import CHECK_NAMES, CHECKS, assess_bars
from intraday_rl.data.quality.drawings import coverage_drawing, heat_strip, missing_drawing
from intraday_rl.data.quality.page import PageFacts, quality_page, write_quality_page
from intraday_rl.data.quality.table import quality_table
from intraday_rl.data.quality.wording import headline, name_sessions, with_unit
from tests.unit.data.quality.days import LIMITS, days

SVG_RECT = ".//rect"
BY_NAME = {check.name: check for check in CHECKS}


@pytest.fixture(scope="module")
def broken():
    made = days(symbol="<b>SPY</b>")
    made.drop(1, 210, 390)
    made.columns["volume"][made.rows(3, 0, 13)] = 0.0  # 3.3 %: past half of the limit
    return assess_bars(made.bars(), LIMITS)


def facts(**changes):
    given = {"path": "a/<b>.csv", "facts": {"columns": "open from <o>"}, "problems": (), "commands": ("python x",)}
    return PageFacts(**(given | changes))


def text_of(renderable):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(renderable)
    return console.export_text()


def test_heat_strip_marks_failing_and_near_sessions(broken):
    marks = [
        (rect.get("class"), rect.findtext("title"))
        for rect in ElementTree.fromstring(heat_strip(broken)).iterfind(SVG_RECT)
        if rect.get("class") in ("bad", "near")
    ]
    assert marks == [
        ("bad", "2024-07-02: missing_minutes 46.2 %, limit 5 %"),
        ("bad", "2024-07-02: cut_short 180 minutes, limit 15 minutes"),
        ("near", "2024-07-05: zero_volume 3.33 %, limit 5 %"),
    ]


def test_drawings_are_sound_svg_of_their_size(broken):
    for drawing in (heat_strip, coverage_drawing, missing_drawing):
        root = ElementTree.fromstring(drawing(broken))
        height = float(root.get("viewBox").split()[3])
        assert all(0 <= float(rect.get("y")) < height for rect in root.iterfind(SVG_RECT))
    path = ElementTree.fromstring(coverage_drawing(broken)).find(".//path[@class='fill']").get("d")
    tops = [float(top) for top in re.findall(r"V([\d.]+)h", path)]
    assert tops == pytest.approx([0, 150 * 180 / 390, 0, 0], abs=0.05)


def test_page_loads_nothing_and_escapes_what_files_bring(broken):
    page = quality_page([broken], facts(problems=["row 1: was '<i>'"]))
    assert not re.search(r"(?:src|href)=['\"][^#]|url\(|@import|<link", page)
    assert "default-src 'none'" in page
    assert "<!--slot" not in page
    assert "<b>SPY" not in page
    assert "<o>" not in page
    assert "<i>" not in page
    assert "1 of 4 sessions fails a check" in page
    assert all(name in page for name in CHECK_NAMES)


def test_page_without_bars_says_so():
    page = quality_page([], facts(problems=["x: is empty"], commands=()))
    assert "No bars could be checked" in page
    assert "Nothing can be run on these data yet." in page


def test_write_quality_page_replaces_and_refuses_in_one_line(broken, tmp_path):
    file = tmp_path / "new" / "page.html"
    for _ in range(2):
        write_quality_page(file, [broken], facts())
    assert file.read_text().startswith("<!DOCTYPE html>")
    with pytest.raises(DataError, match=r"cannot be written \(.+\); name another file"):
        write_quality_page(tmp_path / "new", [broken], facts())


def test_quality_table_lists_failing_sessions_and_names_the_rest(broken):
    text = text_of(quality_table(broken))
    assert re.search(r"cut_short +1 +15 minutes +2024-07-02 \(180 minutes\)", text)
    assert "no session fails: zero_volume, odd_prints, split_jump, stale_prices" in text
    assert "nothing to check: crossed_quotes, locked_quotes, missing_quotes, vwap_outside" in text
    assert "4 sessions, 2024-07-01 to 2024-07-05, 1,200 bars, 100.0 % of the minutes" in text


def test_wording_has_units_and_limits():
    assert with_unit(BY_NAME["odd_prints"], 1.0) == "1 bar"
    assert with_unit(BY_NAME["odd_prints"], 2.0) == "2 bars"
    assert with_unit(BY_NAME["split_jump"], 7.0) == "7 to 1"
    assert with_unit(BY_NAME["split_jump"], 0.0) == "none"
    assert with_unit(BY_NAME["zero_volume"], 0.0512) == "5.12 %"
    assert with_unit(BY_NAME["zero_volume"], np.nan) == "nothing to check"
    made = days("2024-07-08", "2024-07-12")
    sound = assess_bars(made.bars(), LIMITS)
    assert headline([sound]) == "No session of 5 fails a check (SPY)"
    for session in range(5):
        made.drop(session, 0, 20 + session)
    quality = assess_bars(made.bars(), LIMITS)
    assert headline([quality, sound]) == "5 of 10 sessions fail a check (2 symbols)"
    named = name_sessions(quality, BY_NAME["cut_short"], most=2)
    assert named == "2024-07-12 (24 minutes), 2024-07-11 (23 minutes) and 3 more"
