"""Fitting a network to demonstrations: what it learns, what it leaves alone, when it ends, and the same bits again."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from intraday_rl.agents.cloning.fitting import choose_precision, fit_clone
from intraday_rl.agents.cloning.losses import CodeLoss
from intraday_rl.agents.cloning.parameters import AcceptanceLimits
from intraday_rl.agents.cloning.perceptron import Perceptron
from intraday_rl.agents.policies.networks import as_policy, build_policy
from intraday_rl.core.errors import ConfigError, ParameterError, TrainingError
from tests.unit.agents.cloning.examples import CODES, PARAMETERS, SIZES, WIDTH, demonstrations_of, network_of

CLIP = 5.0
LAST_DAYS = slice(18 * 60, None)  # of 20: two for validation, one of embargo before them


def fit(space, clip=CLIP, seed=0, network=None, told=None, **changes):
    network = network_of(space) if network is None else network
    tell = (lambda numbers: None) if told is None else told.append
    clone = fit_clone(network, demonstrations_of(space), replace(PARAMETERS, **changes), clip, seed, tell)
    return network, clone


@pytest.mark.parametrize(("space", "share"), [(CODES, 0.93), (SIZES, 0.85)])
def test_clone_does_what_was_demonstrated(space, share):
    network, clone = fit(space)
    made = demonstrations_of(space)
    done = np.rint(as_policy(network, clone.scaler).predict(made.observations[LAST_DAYS])[0])
    assert np.mean(done == made.actions[LAST_DAYS]) > share
    assert np.mean(np.rint(as_policy(network_of(space), clone.scaler).predict(made.observations[LAST_DAYS])[0])
                   == made.actions[LAST_DAYS]) < 0.7  # fmt: skip


def test_weights_are_the_networks():
    network, clone = fit(CODES, num_epochs=2)
    state = network.state_dict()
    assert clone.weights.keys() == state.keys()
    assert all(np.array_equal(clone.weights[name], state[name].numpy()) for name in state)


def test_value_network_is_left_alone():
    before = {name: value.clone() for name, value in network_of(CODES).state_dict().items()}
    after = fit(CODES, num_epochs=2)[0].state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "policy_net" in name or "action_net" in name}


def test_scaler_has_the_moments_of_what_was_fitted_on():
    _, clone = fit(CODES, num_epochs=1)
    rows = demonstrations_of(CODES).observations[: 17 * 60].astype(np.float64)
    assert clone.scaler.mean == pytest.approx(rows.sum(axis=0) / len(rows), rel=1e-9)
    assert clone.scaler.variance == pytest.approx(((rows - rows.mean(axis=0)) ** 2).sum(axis=0) / len(rows), rel=1e-6)
    assert (clone.scaler.epsilon, clone.scaler.clip) == (1e-8, CLIP)


def test_observations_are_taken_raw_where_nothing_is_normalised():
    assert fit(CODES, clip=None, num_epochs=1)[1].scaler is None


def test_fit_ends_after_patience_and_keeps_the_best_epoch():
    """With a rate that is far too high the loss goes up and down."""
    told = []
    network, clone = fit(CODES, told=told, learning_rate=0.3, num_epochs=40, patience=3)
    assert told == clone.curve
    losses = [row["validation_loss"] for row in clone.curve]
    assert [row["epoch"] for row in clone.curve] == list(range(1, len(losses) + 1))
    assert clone.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) == clone.best_epoch + 3 < 40
    made = demonstrations_of(CODES)
    inputs = torch.from_numpy(clone.scaler.scale(made.observations[LAST_DAYS]))
    with torch.no_grad():
        logits = network.action_net(network.mlp_extractor.forward_actor(inputs))
    loss = CodeLoss(made.actions, 3, 0.0).measure(logits, torch.from_numpy(made.actions[LAST_DAYS]))
    assert float(loss) == pytest.approx(min(losses), rel=1e-4)


def test_learning_rate_falls_linearly_to_nothing(monkeypatch):
    rates = []
    monkeypatch.setattr(Perceptron, "backward", lambda self, slope, rate: rates.append(rate))
    fit(CODES, num_epochs=2, batch_size=17 * 60 // 2, learning_rate=0.1)
    assert rates == pytest.approx([0.1, 0.075, 0.05, 0.025])


def test_train_loss_is_unweighted():
    """Before anything is learned every action has a third of the probability, whatever the weights."""
    for balance in (0.0, 1.0):
        _, clone = fit(CODES, num_epochs=1, learning_rate=1e-9, class_balance=balance)
        assert clone.curve[0]["train_loss"] == pytest.approx(math.log(3.0), abs=0.02)


def test_same_seed_gives_the_same_bits():
    first, again, other = (fit(CODES, seed=seed, num_epochs=3)[1] for seed in (0, 0, 1))
    assert first.curve == again.curve
    assert all(np.array_equal(first.weights[name], again.weights[name]) for name in first.weights)
    assert first.curve != other.curve


def test_low_precision_fits_as_well():
    high, low = (fit(CODES, precision=precision)[1] for precision in ("fp32", "bf16"))
    assert (high.precision, low.precision) == ("fp32", "bf16")
    best = [min(row["validation_loss"] for row in clone.curve) for clone in (high, low)]
    assert best[1] == pytest.approx(best[0], rel=0.2)
    assert best[1] != best[0]


def test_precision_is_chosen_by_the_processor(monkeypatch):
    assert (choose_precision("fp32"), choose_precision("bf16")) == ("fp32", "bf16")
    for wide, tiles, chosen in ((False, False, "fp32"), (True, False, "bf16"), (False, True, "bf16")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda wide=wide: wide)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda tiles=tiles: tiles)
        assert choose_precision("auto") == chosen


def test_deviation_of_sizes_is_that_of_the_errors():
    network, clone = fit(SIZES)
    loss = min(row["validation_loss"] for row in clone.curve)
    assert network.log_std.item() == pytest.approx(0.5 * math.log(loss), rel=1e-6)
    assert clone.weights["log_std"] == pytest.approx(0.5 * math.log(loss), rel=1e-6)


def test_batch_may_be_larger_than_the_demonstrations():
    assert len(fit(CODES, batch_size=1_000_000, num_epochs=2)[1].curve) == 2


def test_other_networks_are_refused():
    recurrent = {"network": "RecurrentActorCriticPolicy", "hidden_layers": [8], "lstm_size": 4, "activation": "tanh"}
    network = build_policy(recurrent, spaces.Box(-np.inf, np.inf, (WIDTH,), dtype=np.float32), CODES)
    with pytest.raises(ConfigError, match="was RecurrentActorCriticPolicy; choose algo=ppo without regime_heads"):
        fit(CODES, network=network)


def test_diverging_fit_is_refused():
    with pytest.raises(TrainingError, match=r"validation loss of epoch 1 is no number; choose a cloning.learning_rate"):
        fit(SIZES, learning_rate=1e38)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_epochs": 0}, "CloningParameters.num_epochs must be >= 1"),
        ({"batch_size": 0}, "CloningParameters.batch_size must be >= 1"),
        ({"patience": 0}, "CloningParameters.patience must be >= 1"),
        ({"learning_rate": 0.0}, "CloningParameters.learning_rate must be > 0"),
        ({"validation_fraction": 0.0}, "CloningParameters.validation_fraction must be in"),
        ({"validation_fraction": 0.6}, "CloningParameters.validation_fraction must be in"),
        ({"embargo_sessions": -1}, "CloningParameters.embargo_sessions must be >= 0"),
        ({"class_balance": 1.1}, "CloningParameters.class_balance must be in"),
        ({"precision": "fp16"}, "CloningParameters.precision must be one of fp32, bf16, auto, was 'fp16'"),
    ],
)
def test_impossible_parameters_are_refused(changes, message):
    PARAMETERS.check()
    with pytest.raises(ParameterError, match=message):
        replace(PARAMETERS, **changes).check()


@pytest.mark.parametrize("changes", [{"skill": 0.0}, {"macro_recall": 1.1}, {"profit_factor": -1.0}])
def test_impossible_limits_are_refused(changes):
    limits = AcceptanceLimits(skill=0.8, macro_recall=0.8, profit_factor=1.2)
    with pytest.raises(ParameterError, match=f"AcceptanceLimits.{next(iter(changes))} must be"):
        limits._replace(**changes).check()
