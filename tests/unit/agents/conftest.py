"""Fixtures of the bundle tests."""

import pytest

from tests.support.bundles import save_example


@pytest.fixture
def folder(tmp_path):
    """The folder of a saved example bundle."""
    path = tmp_path / "bundle"
    save_example(path)
    return path
