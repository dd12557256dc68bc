"""docs/tracking.md: MLflow takes its searches, and it names every tag."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intraday_rl.app.command_line.settings import OWN_TAGS
from intraday_rl.tracking.store import open_client
from tests.support.mlflow_store import new_store

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "tracking.md").read_text(encoding="utf-8")


def test_searches_of_the_page_are_taken(tmp_path):
    client = open_client(new_store(tmp_path))
    (block,) = re.findall(r"```search\n(.*?)```", TEXT, flags=re.DOTALL)
    searches = [*block.strip().splitlines(), 'tags."mlflow.parentRunId" = "ID"']
    assert len(searches) == 7
    for search in searches:
        assert list(client.search_runs(["0"], search)) == []
    with pytest.raises(Exception, match="not quoted"):  # what a wrong one would do
        client.search_runs(["0"], "tag.study = intraday_rl and")


def test_page_names_every_tag():
    code = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", TEXT))))
    assert [name for name in OWN_TAGS if name not in code] == []
