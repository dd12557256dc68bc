"""docs/features.md says what the code says."""

import pytest

from intraday_rl.app.command_line.tools import main
from intraday_rl.app.data_tools import features_page
from intraday_rl.env.observation import ACCOUNT_SPECS
from intraday_rl.features import FAMILIES, PRESETS, FeatureSpec

SPECS = [*(spec for family in FAMILIES for spec in family.specs), *ACCOUNT_SPECS]


def difference():
    """Return the remedy where docs/features.md is not what the code generates, else nothing."""
    same = features_page.PAGE.read_text(encoding="utf-8") == features_page.features_page()
    return "" if same else "docs/features.md is not what the code says of its features; run: make docs"


def test_page_is_what_the_code_generates():
    assert difference() == ""


def test_a_changed_formula_is_noticed(monkeypatch):
    family = FAMILIES[0]
    changed = (family.specs[0]._replace(formula="something else"), *family.specs[1:])
    monkeypatch.setattr(features_page, "FAMILIES", (family._replace(specs=changed), *FAMILIES[1:]))
    assert difference().endswith("run: make docs")


def test_every_feature_has_one_row_with_all_that_its_spec_says():
    rows = [line for line in features_page.features_page().splitlines() if line.startswith("| `")]
    for row, spec in zip(rows, SPECS, strict=True):
        assert row.replace("\\", "").strip("| ").split(" | ") == [f"`{spec.name}`", *spec[1:]]


def test_signs_of_markdown_are_escaped(monkeypatch):
    spec = FeatureSpec(**dict.fromkeys(FeatureSpec._fields, "x") | {"name": "position", "formula": "a|b < 1 * 2"})
    monkeypatch.setattr(features_page, "ACCOUNT_SPECS", (spec,))
    assert "| `position` | x | a\\|b \\< 1 \\* 2 | x |" in features_page.features_page()


def test_every_preset_is_listed_with_its_size():
    page = features_page.features_page()
    assert all(f"- **`{name}`** ({len(columns)} columns): " in page for name, columns in PRESETS.items())


def test_command_prints_the_page(capsys: pytest.CaptureFixture[str]):
    assert main(["features-page"]) == 0
    assert capsys.readouterr().out == features_page.features_page()


def test_command_writes_the_page(monkeypatch, tmp_path):
    monkeypatch.setattr(features_page, "PAGE", tmp_path / "features.md")
    assert main(["features-page", "--write"]) == 0
    assert (tmp_path / "features.md").read_text(encoding="utf-8") == features_page.features_page()
