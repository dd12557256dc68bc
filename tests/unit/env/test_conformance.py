"""Every implementation in every model table obeys its model's laws, alone and inside a batch."""

from typing import NamedTuple

import numpy as np
import pytest

from intraday_rl.core.jit import JIT_DISABLED
from intraday_rl.market.advance import Execution
from tests.support import conformance
from tests.support.conformance import EXAMPLES, LAWS, MODELS, examples_of, implementations
from tests.support.exact import assert_same_bits
from tests.support.tapes import COSTLY, make_batch, make_execution, random_tape

MANY = 8 if JIT_DISABLED else 64  # plain Python is a hundred times slower
MEMBERS = list(implementations())
CASES = [
    pytest.param(model, function, params, id=f"{model}-{struct.__name__}-{i}")
    for model, struct, function in MEMBERS
    for i, params in enumerate(EXAMPLES.get(struct, []))
]


def walk_examples():
    """Fail if a member of the tables, as they are now, has no examples."""
    for _, struct, _ in implementations():
        examples_of(struct)


def test_every_implementation_has_examples():
    walk_examples()


def test_every_model_has_implementations_and_laws():
    assert set(LAWS) == set(MODELS)
    assert {model for model, _, _ in MEMBERS} == set(MODELS)


def test_structs_have_names_of_their_own():
    structs = {struct for _, struct, _ in MEMBERS}
    assert len({struct.__name__ for struct in structs}) == len(structs)


def test_the_suite_finds_an_implementation_without_examples(monkeypatch):
    class Forgotten(NamedTuple):
        weight: float

    monkeypatch.setitem(MODELS["reward_term"].implementations, Forgotten, lambda params, step, memory: 0.0)
    with pytest.raises(AssertionError, match="Forgotten has no example parameters"):
        walk_examples()


@pytest.mark.parametrize(("model", "function", "params"), CASES)
def test_implementation_obeys_the_laws_of_its_model(model, function, params):
    conformance.check_struct(params)
    LAWS[model](function, params)


BROKEN = {
    "delay_bars": lambda params, noise: 5.0,
    "half_spread": lambda params, decision, bar: 0.5 * bar.quoted_spread,
    "temporary_impact": lambda params, quantity, decision: -quantity,
    "impact_left": lambda params, quantity, decision: (abs(quantity), 0.0),
    "impact_kept": lambda params: (1.0, 0.5),
    "filled_quantity": lambda params, order, urgent, decision, bar: order,
    "urgent_spreads": lambda params: 0.5,
    "carry_limit": lambda params: -1,
    "commission_usd": lambda params, quantity, notional: 1.0,
    "target_position": lambda params, action, account: 2.0 * account["size"],
    "asked_side": lambda params, action, move: 1.0,
    "position_limit": lambda params, account, bar, multiplier, memory: account["position"],
    "exit_reason": lambda params, account, bar: 7,
    "reward_term": lambda params, step, memory: step.nav_after - step.nav_before + 1.0,
}


@pytest.mark.parametrize("model", list(LAWS))
def test_laws_find_a_broken_implementation(model):
    struct = next(iter(MODELS[model].implementations))
    with pytest.raises(AssertionError):
        LAWS[model](BROKEN[model], examples_of(struct)[-1])


def rules_with_everything():
    """Return rule groups that hold every example of every limit, exit and term, so each struct several times."""
    groups = {"entries": "position_limit", "exits": "exit_reason", "terms": "reward_term"}
    return {
        group: {
            f"{struct.__name__}_{i}": params
            for struct in MODELS[model].implementations
            for i, params in enumerate(examples_of(struct))
        }
        for group, model in groups.items()
    }


def test_all_rules_together_give_the_same_alone_and_in_a_batch():
    tape = random_tape(num_sessions=3, minutes=30, num_features=2, seed=1)
    actions = np.random.default_rng(2).integers(0, 3, (65, MANY))
    rolls = []
    for size in (1, MANY):
        batch = make_batch(tape, size, execution=make_execution(**COSTLY), **rules_with_everything())
        observations = batch.reset()
        steps = []
        for row in actions:
            batch.step(np.ascontiguousarray(row[:size]), observations)
            steps.append(
                (
                    observations[:1].copy(),
                    batch.accounts[:1].copy(),
                    batch.fills[:1].copy(),
                    batch.reward_parts[:1].copy(),
                )
            )
            np.testing.assert_allclose(batch.reward_parts.sum(axis=1), batch.rewards, rtol=1e-9, atol=1e-12)
            assert np.isfinite(observations).all()
        rolls.append([np.stack(column) for column in zip(*steps, strict=True)])
    for one, many in zip(*rolls, strict=True):
        assert_same_bits(one, many)
    assert (rolls[0][2]["quantity"] != 0.0).any()


FURTHER = {
    ("carry_limit", "urgent_spreads"): "filled_quantity",
    ("impact_left", "impact_kept"): "temporary_impact",
    ("asked_side",): "target_position",
}


def test_execution_has_a_model_for_each_of_its_parts():
    """A part that no law covers would be a part that no test walks."""
    models = {"latency": "delay_bars", "spread": "half_spread", "impact": "temporary_impact"}
    models |= {"fill": "filled_quantity", "commission": "commission_usd"}
    assert set(Execution._fields) == {"contract", *models}
    for others, model in FURTHER.items():
        for other in others:
            assert set(MODELS[other].implementations) == set(MODELS[model].implementations)
