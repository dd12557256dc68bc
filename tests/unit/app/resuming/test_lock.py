"""One process at a time in a run folder."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from intraday_rl.app.resuming.lock import sole_process
from intraday_rl.app.resuming.places import RESUME, drop_checkpoints
from intraday_rl.core.errors import ConfigError


def test_second_process_is_refused_by_the_number_of_the_first(tmp_path):
    with sole_process(tmp_path):
        with pytest.raises(ConfigError) as caught, sole_process(tmp_path):
            pass
        assert str(caught.value).startswith(f"{tmp_path} is at work in process {os.getpid()} on ")
        assert str(caught.value).endswith(": wait for it, or stop it")
        (tmp_path / RESUME / "process.json").write_text("{")  # torn: the lock counts all the same
        with pytest.raises(ConfigError, match="is at work in another process"), sole_process(tmp_path):
            pass
    with sole_process(tmp_path):
        pass


def test_what_a_killed_process_leaves_is_no_hindrance(tmp_path):
    script = """
        import os, signal, sys
        from pathlib import Path
        from intraday_rl.app.resuming.lock import sole_process
        with sole_process(Path(sys.argv[1])):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False).returncode == -9
    assert json.loads((tmp_path / RESUME / "process.json").read_text())["pid"] != str(os.getpid())
    with sole_process(tmp_path):
        assert json.loads((tmp_path / RESUME / "process.json").read_text())["pid"] == str(os.getpid())


def test_folder_may_be_finished_with_within(tmp_path):
    with sole_process(tmp_path):
        drop_checkpoints(tmp_path)
    assert not (tmp_path / RESUME).exists()
