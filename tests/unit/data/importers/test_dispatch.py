"""Which importer reads what, and the refusals that all share."""

import sys
import types

import pytest

from intraday_rl.core.errors import DataError, ParameterError
from intraday_rl.data.importers import FORMATS
from tests.unit.data.importers.samples import imported


def test_import_bars_hands_everything_else_to_the_table(tmp_path, monkeypatch):
    asked = []
    stand_in = types.ModuleType("table")
    stand_in.import_table = lambda request: asked.append(request.path) or iter(())
    monkeypatch.setitem(sys.modules, "intraday_rl.data.importers.table", stand_in)
    file = tmp_path / "bars.csv"
    file.touch()
    assert imported(file) == {}
    assert imported(file, format="table") == {}
    assert asked == [file, file]


def test_import_bars_absent_path_names_the_nearest(tmp_path):
    (tmp_path / "bars.csv").touch()
    with pytest.raises(DataError, match=r"bar\.csv: no such file or folder \(did you mean bars\.csv\?\)"):
        imported(tmp_path / "bar.csv")


def test_import_bars_wrong_fields_are_refused(tmp_path):
    with pytest.raises(ParameterError, match=f"format must be one of {', '.join(FORMATS)}, was 'csv'"):
        imported(tmp_path, format="csv")


@pytest.mark.parametrize("chosen", ["lean", "lobster"])
def test_import_bars_folder_of_another_format_is_refused(tmp_path, chosen):
    with pytest.raises(DataError, match="holds none; correct the path"):
        imported(tmp_path, format=chosen)
