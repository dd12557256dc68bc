"""A replay buffer in pieces: what is written, what is removed, and what comes back."""

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.buffers import ReplayBuffer

from intraday_rl.agents.checkpoints.replay import COLUMNS, ReplayPieces
from intraday_rl.core.errors import CheckpointError

SIZE, ENVS, WIDTH = 10, 2, 3  # transitions of all environments, their number, columns


def empty_buffer():
    box = gymnasium.spaces.Box(-np.inf, np.inf, (WIDTH,), np.float32)
    return ReplayBuffer(SIZE * ENVS, box, gymnasium.spaces.Box(-1, 1, (1,), np.float32), device="cpu", n_envs=ENVS)


class Game:
    """A buffer that is given numbered transitions."""

    def __init__(self):
        self.buffer, self.stored = empty_buffer(), 0

    def play(self, count):
        for _ in range(count):
            self.stored += 1
            observation = np.full((ENVS, WIDTH), self.stored, np.float32)
            ends = np.array([self.stored % 3 == 0, False])
            infos = [{"TimeLimit.truncated": self.stored % 2 == 0}, {}]
            values = (np.full((ENVS, 1), 0.1), np.arange(ENVS) + self.stored)
            self.buffer.add(observation, observation + 0.5, *values, ends, infos)


def contents(buffer):
    return {name: getattr(buffer, name).tobytes() for name in COLUMNS} | {"at": (buffer.pos, buffer.full)}


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("plays", [(4,), (4, 3), (4, 6), (4, 9), (10, 10), (3, 3, 3, 3), (25,), (4, 25, 1)])
def test_buffer_comes_back_whole(tmp_path, plays):
    game, pieces = Game(), ReplayPieces(tmp_path / "pieces")
    for count in plays:
        game.play(count)
        saved = pieces.save(game.buffer, game.stored)
    again, fresh = empty_buffer(), ReplayPieces(tmp_path / "pieces")
    fresh.check(saved)
    fresh.restore(again, saved, game.stored)
    assert contents(again) == contents(game.buffer)


def test_buffer_goes_on_from_an_earlier_checkpoint(tmp_path):
    game, pieces = Game(), ReplayPieces(tmp_path / "pieces")
    game.play(8)
    saved = pieces.save(game.buffer, 8)
    for _ in range(3):  # lost: the process is killed afterwards
        game.play(1)
        pieces.save(game.buffer, game.stored)
    again, fresh = Game(), ReplayPieces(tmp_path / "pieces")
    fresh.restore(again.buffer, saved, 8)
    assert files(tmp_path / "pieces") == ["0_8.npz"]
    again.stored = 8
    again.play(6)
    saved = fresh.save(again.buffer, 14)
    last = empty_buffer()
    ReplayPieces(tmp_path / "pieces").restore(last, saved, 14)
    whole = Game()
    whole.play(14)
    assert contents(last) == contents(whole.buffer) == contents(again.buffer)


def test_only_what_is_new_is_written(tmp_path):
    game, pieces = Game(), ReplayPieces(tmp_path / "pieces")
    game.play(4)
    pieces.save(game.buffer, 4)
    stamp = (tmp_path / "pieces" / "0_4.npz").stat().st_mtime_ns
    game.play(2)
    pieces.save(game.buffer, 6)
    assert pieces.save(game.buffer, 6)[-1]["end"] == 6  # nothing is new
    assert files(tmp_path / "pieces") == ["0_4.npz", "4_6.npz"]
    assert (tmp_path / "pieces" / "0_4.npz").stat().st_mtime_ns == stamp
    with np.load(tmp_path / "pieces" / "4_6.npz") as arrays:
        assert arrays["rewards"].tolist() == [[5.0, 6.0], [6.0, 7.0]]
        assert arrays["timeouts"].tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_pieces_that_the_ring_has_overwritten_are_removed(tmp_path):
    game, pieces = Game(), ReplayPieces(tmp_path / "pieces")
    for count in (4, 4, 4, 4):
        game.play(count)
        saved = pieces.save(game.buffer, game.stored)
    assert [(piece["first"], piece["end"]) for piece in saved] == [(4, 8), (8, 12), (12, 16)]  # 6 to 16 are kept
    pieces.drop_before(12 - SIZE)  # the checkpoint before, at 12, needs 2 to 12
    assert files(tmp_path / "pieces") == ["0_4.npz", "12_16.npz", "4_8.npz", "8_12.npz"]
    pieces.drop_before(16 - SIZE)
    assert files(tmp_path / "pieces") == ["12_16.npz", "4_8.npz", "8_12.npz"]


def test_changed_or_missing_piece_is_refused_by_name(tmp_path):
    game, pieces = Game(), ReplayPieces(tmp_path / "pieces")
    game.play(4)
    saved = pieces.save(game.buffer, 4)
    path = tmp_path / "pieces" / "0_4.npz"
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match=r"0_4\.npz is missing or was changed"):
        pieces.check(saved)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"0_4\.npz is missing or was changed"):
        pieces.check(saved)


def test_buffer_that_was_filled_otherwise_is_noticed(tmp_path):
    game = Game()
    game.play(4)
    with pytest.raises(RuntimeError, match="stands at 4, should after 5"):
        ReplayPieces(tmp_path / "pieces").save(game.buffer, 5)
