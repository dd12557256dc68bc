import time

import optuna
import pytest

from intraday_rl.core.errors import SweepError
from intraday_rl.sweeps import storage
from intraday_rl.sweeps.outcomes import Outcome
from intraday_rl.sweeps.storage import JOURNAL, drop_torn_line, open_storage
from tests.support.small_studies import definition, open_study, records


def fill(folder, count):
    study = open_study(folder)
    for _ in range(count):
        study.complete(study.propose(), Outcome((0.5, 0.5), {}), {})
    return study


@pytest.mark.parametrize("torn", [1, 7, 30])
def test_torn_last_line_is_dropped_and_the_study_goes_on(tmp_path, torn):
    fill(tmp_path, 3)
    journal = tmp_path / JOURNAL
    whole = journal.read_bytes()
    last = whole.splitlines(keepends=True)[-1]  # tells the end of trial 2
    assert len(last) > torn
    journal.write_bytes(whole[:-torn])
    study = open_study(tmp_path)
    assert journal.read_bytes().startswith(whole[: -len(last)])
    assert last[:-torn] not in journal.read_bytes()
    assert [record.state for record in records(study)] == ["complete", "complete", "running"]
    (trial,) = study.take_over([])
    study.complete(trial, Outcome((0.5, 0.5), {}), {})
    assert [record.state for record in records(open_study(tmp_path))] == ["complete"] * 3


def test_whole_journal_and_a_missing_one_are_left_alone(tmp_path):
    drop_torn_line(tmp_path / JOURNAL)
    assert not (tmp_path / JOURNAL).exists()
    fill(tmp_path, 1)
    whole = (tmp_path / JOURNAL).read_bytes()
    drop_torn_line(tmp_path / JOURNAL)
    assert (tmp_path / JOURNAL).read_bytes() == whole


@pytest.mark.parametrize(
    "damage",
    [b'{"op_code": 4, "wor', b"\xff\xfe\x00", b"[]", b"3", b"null", b"{}", b'{"op_code": 99}', b'{"op_code": 4}'],
    ids=repr,
)
def test_damaged_middle_is_refused_in_one_line(tmp_path, damage):
    fill(tmp_path, 2)
    journal = tmp_path / JOURNAL
    lines = journal.read_bytes().splitlines()
    lines[len(lines) // 2] = damage
    journal.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(SweepError, match=r"study.journal is damaged") as refusal:
        open_study(tmp_path)
    assert "\n" not in str(refusal.value)


def test_journal_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(SweepError, match=r"study.journal cannot be read: Is a directory"):
        open_storage(None, tmp_path)


def test_lock_of_a_process_that_is_gone_holds_nobody_up(tmp_path):
    fill(tmp_path, 1)
    (tmp_path / storage.JOURNAL_LOCK).touch()
    started = time.monotonic()
    assert len(records(open_study(tmp_path))) == 1
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "Could not parse"),
        ("foo", "Could not parse"),
        ("foo://x", "Can't load plugin"),
        ("mysql://u:secret@127.0.0.1/y", "Failed to import DB access module"),
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
    ],
)
def test_unknown_database_is_refused_at_once_in_one_line_without_its_password(tmp_path, address, words):
    started = time.monotonic()
    with pytest.raises(SweepError, match=f"^hparams.storage=.* cannot be opened: .*{words}") as refusal:
        open_storage(address, tmp_path)
    assert time.monotonic() - started < 5.0
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("address", ["grpc://x", "grpc://:13000", "grpc://x:y", "grpc://"])
def test_address_of_no_server_is_refused(tmp_path, address):
    pytest.importorskip("grpc")
    with pytest.raises(SweepError, match=f"^hparams.storage must be grpc://HOST:PORT, was '{address}'$"):
        open_storage(address, tmp_path)


def test_server_that_does_not_answer_is_refused_in_one_line(tmp_path, monkeypatch):
    pytest.importorskip("grpc")
    monkeypatch.setattr(storage, "ANSWER_SECONDS", 0.2)
    with pytest.raises(SweepError, match=r"^hparams.storage=grpc://127.0.0.1:1 did not answer in 0.2 s; start it"):
        open_storage("grpc://127.0.0.1:1", tmp_path)


def test_database_holds_a_study_too(tmp_path):
    address = f"sqlite:///{tmp_path}/study.db"
    for expected in (0, 1):
        opened = open_storage(address, tmp_path)
        study = optuna.create_study(storage=opened, study_name="s", load_if_exists=True)
        assert len(study.trials) == expected
        study.tell(study.ask(), 1.0)


def test_tables_that_another_process_makes_at_the_same_time_are_waited_for(tmp_path, monkeypatch):
    from sqlalchemy.exc import OperationalError

    real, attempts = optuna.storages.RDBStorage, []

    def make(*arguments, **options):
        attempts.append(arguments)
        if len(attempts) < 3:
            raise OperationalError("CREATE TABLE studies", {}, Exception("table studies already exists"))
        return real(*arguments, **options)

    monkeypatch.setattr(storage, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(optuna.storages, "RDBStorage", make)
    assert open_storage(f"sqlite:///{tmp_path}/study.db", tmp_path) is not None
    assert len(attempts) == 3


def test_definition_survives_a_second_opening(tmp_path):
    fill(tmp_path, 1)
    assert open_study(tmp_path, definition()).next_number() == 1
