"""SAC's policies: sizes as SB3 gives them, the same for a row in any company."""

import numpy as np
import pytest

from intraday_rl.agents.policies.networks import as_policy
from tests.support.networks import SAC, SIZES, box, example_rows, example_scaler, lively_network

WIDTH = 11


def network_of(**changes):
    return lively_network(SAC | {"hidden_layers": [32, 16]} | changes, box(WIDTH), SIZES, gain=3.0)


def test_policy_acts_as_sb3_does():
    network, scaler, raw = network_of(), example_scaler(WIDTH), example_rows(300, WIDTH)
    actions, state = as_policy(network, scaler).predict(raw, "state")
    expected, _ = network.predict(scaler.scale(raw), deterministic=True)
    assert state == "state"
    assert actions.shape == (300,)
    assert actions.max() - actions.min() > 0.5
    assert (np.abs(actions) < 1.0).all()
    assert actions == pytest.approx(expected.reshape(300), abs=1e-6)


@pytest.mark.parametrize("layers", [[32, 16], [256, 256]])
def test_policy_outputs_do_not_depend_on_the_batch(layers):
    policy, raw = as_policy(network_of(hidden_layers=layers), example_scaler(WIDTH)), example_rows(400, WIDTH)
    together = policy.predict(raw)[0]
    assert len(np.unique(together)) > 300
    for size in (1, 2, 7, 24, 100):
        apart = np.concatenate([policy.predict(raw[i : i + size])[0] for i in range(0, 400, size)])
        assert apart.tobytes() == together.tobytes(), size
