"""One process at a time in a run folder."""

import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from intraday_rl.app.resuming import lock
from intraday_rl.app.resuming.lock import sole_process
from intraday_rl.app.resuming.places import RESUME, drop_checkpoints, is_finished
from intraday_rl.core.errors import ConfigError


def test_second_process_is_refused_by_the_number_of_the_first(tmp_path):
    with sole_process(tmp_path, resumes=False):
        with pytest.raises(ConfigError) as caught, sole_process(tmp_path, resumes=False):
            pass
        assert str(caught.value).startswith(f"{tmp_path} is at work in process {os.getpid()} on ")
        assert str(caught.value).endswith(": wait for it, or stop it")
        (tmp_path / RESUME / "process.json").write_text("{")  # torn: the lock counts all the same
        with pytest.raises(ConfigError, match="is at work in another process"), sole_process(tmp_path, resumes=False):
            pass
    with sole_process(tmp_path, resumes=False):
        pass


def test_what_a_killed_process_leaves_is_no_hindrance(tmp_path):
    script = """
        import os, signal, sys
        from pathlib import Path
        from intraday_rl.app.resuming.lock import sole_process
        with sole_process(Path(sys.argv[1]), resumes=False):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False).returncode == -9
    assert json.loads((tmp_path / RESUME / "process.json").read_text())["pid"] != str(os.getpid())
    with sole_process(tmp_path, resumes=False):
        assert json.loads((tmp_path / RESUME / "process.json").read_text())["pid"] == str(os.getpid())


def test_folder_may_be_finished_with_within(tmp_path):
    with sole_process(tmp_path, resumes=False):
        drop_checkpoints(tmp_path)
    assert not (tmp_path / RESUME).exists()


def refusal_of(folder, resumes):
    with pytest.raises(ConfigError) as caught, sole_process(folder, resumes):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_new_run_is_refused_where_one_is_and_nothing_is_written(tmp_path):
    (tmp_path / "manifest.json").touch()
    assert refusal_of(tmp_path, resumes=False) == (
        f"{tmp_path} holds a run already (manifest.json); give another folder, or continue it with resume={tmp_path}"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    ("name", "words"), [("metrics.json", "is finished"), ("manifest.json", "has no checkpoint to go on from")]
)
def test_run_without_anything_left_is_not_gone_on_with_and_stays_as_it_is(tmp_path, name, words):
    (tmp_path / name).touch()
    assert words in refusal_of(tmp_path, resumes=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_run_that_another_process_has_finished_meanwhile_stays_finished(tmp_path, monkeypatch):
    """The other one ends between the first look and the lock, whose file is then made anew."""
    (tmp_path / RESUME / "100").mkdir(parents=True)

    class Slow(lock.FileLock):
        def acquire(self, *arguments, **options):
            (tmp_path / "metrics.json").touch()
            shutil.rmtree(tmp_path / RESUME)
            (tmp_path / RESUME).mkdir()
            return super().acquire(*arguments, **options)

    monkeypatch.setattr(lock, "FileLock", Slow)
    assert "no checkpoint" in refusal_of(tmp_path, resumes=True)
    assert is_finished(tmp_path)
    assert "is finished" in refusal_of(tmp_path, resumes=True)
