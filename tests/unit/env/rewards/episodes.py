"""Whole episodes with every cost, for the tests of rewards."""

import numpy as np

from intraday_rl.env.batch_env import BatchEnv
from intraday_rl.market.tape import Tape
from tests.support.full_rules import full_batch
from tests.support.tapes import COSTLY, make_execution


def finish_episode(tape: Tape, seed: int = 3, **changes: object) -> tuple[BatchEnv, list[float]]:
    """Play one account with random actions to the end of its first episode; return the batch and its rewards."""
    batch = full_batch(tape, execution=make_execution(**COSTLY), **changes)
    observations = batch.reset()
    rng = np.random.default_rng(seed)
    rewards, ended = [], 0
    while not ended:
        ended = batch.step(rng.integers(0, 3, 1), observations)
        rewards.append(float(batch.rewards[0]))
    return batch, rewards
