"""The page is well-formed, shows every feature, loads nothing and runs no text from outside."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from intraday_rl.evaluation.feature_report import write_feature_report
from intraday_rl.evaluation.feature_report.drawing import HEIGHT, distributions, heat_map
from tests.support.browser import browser_dump
from tests.unit.evaluation.feature_report.feature_tables import noise, report_data, symbol_features

HOSTILE = "</script><script>alert('x')</script><img src=http://evil.example/a.png> & \"q\""
VOID = ("meta", "link", "img", "br")


class Page(HTMLParser):
    """The words of a page; refuses tags that are not closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.words, self.loads, self.scripts, self.tags = [], [], [], [], []
        self.feed(text)
        assert self.inside == []
        self.text = " ".join(" ".join(self.words).split())
        self.payload = json.loads(self.scripts[0])

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.inside.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        if self.inside and self.inside[-1] == "script":
            self.scripts.append(data)
        elif self.inside and self.inside[-1] != "style":
            self.words.append(data)


def written(tmp_path, data):
    path = tmp_path / "features.html"
    write_feature_report(data, path)
    return path.read_text(encoding="utf-8")


def example(**changes):
    a, b, c = noise(8, minutes=390)
    a[-390:] += 9.0
    return report_data(symbol_features([a, b, c, b + 1.0], 8, sources={"rv_15": "proxy_typical_price"}), **changes)


def test_parser_refuses_tags_out_of_turn():
    with pytest.raises(AssertionError):
        Page("<p><b></p></b><script>1</script>")


def test_page_shows_findings_and_every_feature(tmp_path):
    shown = Page(written(tmp_path, example(names=("rv_15", "b", "c", "d"))))
    words = "4 features of TEST: none constant or often missing, 1 pair nearly alike, 0 drift to validation"
    assert words in shown.text
    assert "1 of these beyond any equally long stretch of train rv_15" in shown.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "1 pairs with a rank correlation above 0.95 in size b ~ d +1.000" in shown.text
    assert "example · 2024-01-02 to 2024-01-09 · sessions: 6 train, 1 validation, 1 test" in shown.text
    assert "rv_15 bps per bar proxy typical price" in shown.text  # unit and source
    assert "has used the test window" in shown.text
    assert "There are no p-values" in shown.text
    assert shown.tags.count("figure") == 4
    assert sorted(shown.payload["names"]) == ["b", "c", "d", "rv_15"]
    place = {name: i for i, name in enumerate(shown.payload["names"])}
    assert shown.payload["percent"][place["b"]][place["d"]] == 100


def test_page_loads_nothing_from_elsewhere(tmp_path):
    text = written(tmp_path, example())
    assert all(address.startswith("#") for address in Page(text).loads)
    assert "default-src 'none'" in text
    style = re.search(r"<style>.*?</style>", text, re.DOTALL).group()
    assert "@import" not in style
    assert "url(" not in style


def test_page_escapes_hostile_text(tmp_path):
    names = (f"1{HOSTILE}", f"2{HOSTILE}", "c", "d")
    hostile = symbol_features(
        np.tile(noise(8, columns=2), (2, 1)),
        8,
        symbol=HOSTILE,
        sources=dict.fromkeys(names, HOSTILE),
        parts={f"train{HOSTILE}": np.arange(6), f"test{HOSTILE}": np.arange(6, 8)},
    )
    text = written(tmp_path, report_data(hostile, names=names, title=HOSTILE))
    shown = Page(text)
    assert "<script>alert" not in text
    assert "img" not in shown.tags
    assert shown.tags.count("script") == 2
    assert all(address.startswith("#") for address in shown.loads)
    assert shown.payload["names"].count(f"1{HOSTILE}") == 1


def test_slots_in_names_are_not_filled(tmp_path):
    assert "&lt;!--slot:look--&gt;" in written(tmp_path, example(title="<!--slot:look-->"))


def test_page_of_one_part_says_what_is_missing(tmp_path):
    empty = np.full(4, np.nan)
    data = report_data(symbol_features([empty, np.ones(4), np.arange(4.0)], 2, parts={"train": np.array([0, 1])}))
    shown = Page(written(tmp_path, data)).text
    assert "There is no later part to compare with." in shown
    assert "No pair has a correlation above 0.95 in size." in shown
    assert "b constant" in shown
    assert "a never known" in shown


def test_sampling_is_said(tmp_path, monkeypatch):
    from intraday_rl.evaluation.feature_report import data

    assert "drawn evenly" not in Page(written(tmp_path, example())).text
    monkeypatch.setattr(data.collect_rows, "__defaults__", (100,))
    assert "rest on 100 of 3,120 minutes, drawn evenly" in Page(written(tmp_path, example())).text


def test_page_of_many_features_is_small(tmp_path):
    data = report_data(symbol_features(noise(8, columns=41), 8), names=tuple(f"feature_{i}" for i in range(41)))
    assert len(written(tmp_path, data)) < 200_000


def test_distributions_are_on_one_scale():
    # 44 bins from 0 to 43: the first part fills the first bin, the second a quarter of it and the last one
    first, second = np.zeros(100, dtype=np.float32), np.float32([0] * 25 + [43] * 75)
    drawn, low, high = distributions([first, second])
    assert (low, high) == (0.0, 43.0)
    paths = re.findall(r"d='(.*?)'", drawn)
    tops = [[HEIGHT + 1 - int(top) for top in re.findall(r"V(\d+)h", path)] for path in paths]
    assert tops[0] == [HEIGHT] + [0] * 43
    assert tops[1] == [round(HEIGHT / 4)] + [0] * 42 + [round(0.75 * HEIGHT)]


@pytest.mark.parametrize("values", [[1e6, 1e6], [1e6, 1e6 + 0.0625], [0.0, 0.0], [-3e-38, 3e-38]])
def test_distributions_of_close_values_are_drawn(values):
    drawn, low, high = distributions([np.float32(values), np.float32([])])
    assert low < high
    assert drawn.count("<path") == 1


def test_distribution_of_nothing_is_empty():
    assert distributions([np.float32([]), np.float32([])])[0] == ""


def test_heat_map_shades_by_size_and_sign():
    drawn = heat_map(np.array([[1, -0.52, 0.04], [-0.52, 1, np.nan], [0.04, np.nan, 1]]), "abc", np.arange(3))
    paths = dict(re.findall(r"<path class='(.*?)' d='(.*?)'", drawn))
    assert {shade: path.count("M") for shade, path in paths.items()} == {"plus shade10": 3, "minus shade5": 2}


@pytest.mark.slow
def test_browser_shows_cells_and_themes_without_a_complaint(tmp_path):
    probe = """<script>
    const before = document.documentElement.className;
    document.getElementById("theme").click();
    const box = map.getBoundingClientRect();
    const scale = box.width / map.viewBox.baseVal.width;
    const [x, y] = [heat.labels + 1.5 * heat.cell, 0.5 * heat.cell];
    const at = { clientX: box.left + x * scale, clientY: box.top + y * scale };
    map.dispatchEvent(new PointerEvent("pointermove", at));
    document.title = "probe [" + before + "] [" + document.documentElement.className + "] " + cell.textContent;
    </script></body>"""
    text = written(tmp_path, example())
    path = tmp_path / "probed.html"
    path.write_text(text.replace("</body>\n</html>", f"{probe}\n</html>"), encoding="utf-8")
    dom, console = browser_dump(path, tmp_path / "profile")
    assert console == []
    first, second = Page(text).payload["names"][:2]
    told = re.search(r"<title>probe (.*?)</title>", dom).group(1)
    assert re.fullmatch(rf"\[\] \[dark\] {first} ~ {second}: -?\d\.\d\d", told)
