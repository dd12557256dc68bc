"""A CSV file that can be cut back."""

import pytest

from intraday_rl.core.errors import CheckpointError
from intraday_rl.core.persistence.csv_file import CsvFile


def test_file_begins_with_its_columns_once(tmp_path):
    for row in ([1, "x,y"], [2, ""]):
        file = CsvFile(tmp_path / "a.csv", ("n", "text"))
        file.write(row)
        file.close()
    assert (tmp_path / "a.csv").read_text() == 'n,text\n1,"x,y"\n2,\n'


def test_size_counts_what_is_on_the_disk(tmp_path):
    file = CsvFile(tmp_path / "a.csv", ("n",))
    assert (tmp_path / "a.csv").read_text() == "n\n"
    file.write([10])
    assert file.secured_size() == 5
    assert (tmp_path / "a.csv").read_text() == "n\n10\n"


def test_cut_drops_what_came_later_and_rows_follow(tmp_path):
    file = CsvFile(tmp_path / "a.csv", ("n",))
    file.write([10])
    size = file.secured_size()
    file.write([11])
    file.close()
    again = CsvFile(tmp_path / "a.csv", ("n",))
    again.cut(size)
    again.write([12])
    again.close()
    assert (tmp_path / "a.csv").read_text() == "n\n10\n12\n"


def test_cut_in_the_same_process_drops_what_waits_too(tmp_path):
    file = CsvFile(tmp_path / "a.csv", ("n",))
    size = file.secured_size()
    file.write([1])
    file.cut(size)
    file.write([2])
    file.close()
    assert (tmp_path / "a.csv").read_text() == "n\n2\n"


@pytest.mark.parametrize("size", [3, -1])
def test_cut_refuses_a_size_that_the_file_never_had(tmp_path, size):
    file = CsvFile(tmp_path / "a.csv", ("n",))
    with pytest.raises(CheckpointError, match=f"must have at least {size} bytes, had 2"):
        file.cut(size)
    assert (tmp_path / "a.csv").read_text() == "n\n"
