"""Behaviour cloning against the usual way to write it: `python benchmarks/cloning.py`.

195,000 decisions of the expert on the simulated market, 47 columns, the network [256, 256, 128], the batch size and
learning rate of `conf/cloning`. The usual way is a loop over PyTorch's DataLoader(TensorDataset) with Adam, in fp32.
Each contender fits a few epochs, from the same weights and with the same learning rates, and is judged on decisions
that it was not fitted to; times for 50 epochs are scaled. One thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

from machine import best_of, machine_line, use_one_thread, verdict

use_one_thread()  # before numpy and torch are imported

import numpy as np  # noqa: E402
import torch  # noqa: E402
from stable_baselines3.common.policies import ActorCriticPolicy  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from intraday_rl.agents.cloning.demonstrations import Demonstrations, demonstrate, split_demonstrations  # noqa: E402
from intraday_rl.agents.cloning.fitting import choose_precision, fit_clone, fit_scaler  # noqa: E402
from intraday_rl.agents.cloning.parameters import AUTO, BF16, FP32, CloningParameters  # noqa: E402
from intraday_rl.agents.policies.networks import build_policy  # noqa: E402
from intraday_rl.agents.policies.scaler import ObservationScaler  # noqa: E402
from intraday_rl.app.build import build_plan  # noqa: E402
from intraday_rl.app.compose import compose  # noqa: E402
from intraday_rl.app.loading.expert_signals import expert_signals  # noqa: E402
from intraday_rl.app.market_data import MarketData, load_market_data  # noqa: E402

DECISIONS, HELD_OUT = 195_000, 19_500
SESSIONS = 720  # enough for so many decisions: a session that is stopped out has fewer than 385
FULL_EPOCHS = 50
ROUNDS = 2
LOADER, OURS = "DataLoader and Adam, fp32", "fit_clone, {}"
TARGETS = {FP32: 2.0, BF16: 5.0}  # times the DataLoader loop
CLOSE = 0.002  # of the decisions: accuracies that differ by less are equal
CLIP = 10.0


@dataclass
class Contender:
    """One way to fit.

    Attributes:
        fit: fits from the first weights and returns network and scaler.
        accuracy: share of the held-out decisions that the fitted network takes too.
        loss: its cross-entropy on them, nats.
    """

    fit: Callable[[], tuple[ActorCriticPolicy, ObservationScaler]]
    accuracy: float = 0.0
    loss: float = 0.0


def main() -> None:
    """Time the contenders and print ratios, losses and targets."""
    options = argparse.ArgumentParser(description="Behaviour cloning against a DataLoader loop.")
    options.add_argument("--epochs", type=int, default=6, help="that each contender fits")
    epochs = options.parse_args().epochs
    print(machine_line())
    plan = build_plan(compose([f"data.source.num_sessions={SESSIONS}", "risk=inverse_volatility", "tracking=none"]))
    data = load_market_data(plan)
    demonstrations = enough_decisions(data)
    parameters = replace(plan.cloning, num_epochs=epochs, patience=epochs, validation_fraction=0.1, embargo_sessions=0)
    print(
        f"{DECISIONS:,} decisions of {demonstrations.observations.shape[1]} columns, network [256, 256, 128], batch "
        f"{parameters.batch_size:,}; {epochs} epochs, judged on {HELD_OUT:,} decisions\n"
    )
    kinds = [FP32, BF16] if choose_precision(AUTO) == BF16 else [FP32]
    contenders = {LOADER: Contender(lambda: loader_loop(data, demonstrations, parameters))}
    for kind in kinds:
        contenders[OURS.format(kind)] = Contender(our_fit(data, demonstrations, replace(parameters, precision=kind)))
    timed = {name: timing(contender, demonstrations, parameters) for name, contender in contenders.items()}
    print_outcome(contenders, best_of(timed, ROUNDS), kinds)


def enough_decisions(data: MarketData) -> Demonstrations:
    """Return the expert's decisions: those to fit on dated to nine days, those to judge by to a tenth."""
    rule = data.plan.expert.rule(expert_signals(data.plan.expert, data))
    made = demonstrate(rule, data.tape, data.rules, data.all_sessions(), seed=0)
    count = DECISIONS + HELD_OUT
    if len(made.actions) < count:
        raise RuntimeError(f"{SESSIONS} sessions gave {len(made.actions):,} decisions, needed {count:,}")
    days = np.where(np.arange(count) < DECISIONS, np.arange(count) % 9, 9)
    dates = np.datetime64("2024-01-01") + days
    return Demonstrations(made.observations[:count], made.actions[:count], made.sessions[:count], dates)


def network_of(data: MarketData) -> ActorCriticPolicy:
    """Return the network that every contender begins with."""
    torch.manual_seed(0)
    description = {"network": "ActorCriticPolicy", "hidden_layers": [256, 256, 128]}
    network: ActorCriticPolicy = build_policy(description, data.rules.layout.space(), data.rules.actions.space())
    return network


def our_fit(
    data: MarketData, demonstrations: Demonstrations, parameters: CloningParameters
) -> Callable[[], tuple[ActorCriticPolicy, ObservationScaler]]:
    """Return the project's own fit, validation after every epoch included."""

    def fit() -> tuple[ActorCriticPolicy, ObservationScaler]:
        network = network_of(data)
        clone = fit_clone(network, demonstrations, parameters, CLIP, 0, lambda numbers: None)
        assert clone.scaler is not None
        return network, clone.scaler

    return fit


def loader_loop(
    data: MarketData, demonstrations: Demonstrations, parameters: CloningParameters
) -> tuple[ActorCriticPolicy, ObservationScaler]:
    """Fit as it is usually written: DataLoader, autograd, Adam; a validation loss after every epoch."""
    network, split = network_of(data), split_demonstrations(demonstrations, parameters)
    scaler = fit_scaler(demonstrations.observations[split.train], CLIP)
    inputs = torch.from_numpy(scaler.scale(demonstrations.observations))
    targets = torch.from_numpy(demonstrations.actions)
    dataset = TensorDataset(inputs[split.train], targets[split.train])
    loader = DataLoader(dataset, batch_size=parameters.batch_size, shuffle=True)
    trained = [*network.mlp_extractor.policy_net.parameters(), *network.action_net.parameters()]
    adam = torch.optim.Adam(trained, lr=parameters.learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, parameters.num_epochs * len(loader))
    for _ in range(parameters.num_epochs):
        for rows, wanted in loader:
            adam.zero_grad()
            logits = network.action_net(network.mlp_extractor.forward_actor(rows))
            torch.nn.functional.cross_entropy(logits, wanted).backward()
            adam.step()
            schedule.step()
        judge(network, inputs[split.validation], targets[split.validation])
    return network, scaler


def judge(network: ActorCriticPolicy, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[float, float]:
    """Return the share of decisions taken too, and the cross-entropy."""
    with torch.no_grad():
        logits = network.action_net(network.mlp_extractor.forward_actor(inputs))
        loss = torch.nn.functional.cross_entropy(logits, targets)
    return float((logits.argmax(dim=1) == targets).float().mean()), float(loss)


def timing(contender: Contender, demonstrations: Demonstrations, parameters: CloningParameters) -> Callable[[], int]:
    """Return a function that fits, keeps how good the fit is, and returns how many decisions it went through."""
    rows = split_demonstrations(demonstrations, parameters).validation
    targets = torch.from_numpy(demonstrations.actions[rows])

    def run() -> int:
        network, scaler = contender.fit()
        inputs = torch.from_numpy(scaler.scale(demonstrations.observations[rows]))
        contender.accuracy, contender.loss = judge(network, inputs, targets)
        return parameters.num_epochs * DECISIONS

    return run


def print_outcome(contenders: dict[str, Contender], rates: dict[str, float], kinds: list[str]) -> None:
    """Print a row for each contender, then the targets."""
    print(f"{'':28}{'decisions/s':>14}{f'{FULL_EPOCHS} epochs':>12}{'ratio':>8}{'held-out loss':>16}{'accuracy':>11}")
    for name, contender in contenders.items():
        seconds, ratio = FULL_EPOCHS * DECISIONS / rates[name], rates[name] / rates[LOADER]
        print(
            f"{name:28}{rates[name]:14,.0f}{seconds:10.0f} s{ratio:8.2f}{contender.loss:16.4f}"
            f"{contender.accuracy:10.2%}"
        )
    print()
    for kind in kinds:
        ours, loader = contenders[OURS.format(kind)], contenders[LOADER]
        ratio, least = rates[OURS.format(kind)] / rates[LOADER], TARGETS[kind]
        print(f"{f'{kind} >= {least:g} x the DataLoader loop':62} {ratio:8.2f}    {verdict(ratio, least)}")
        gap = loader.accuracy - ours.accuracy
        words = f"{kind} as accurate: at most {CLOSE:.1%} of the decisions fewer"
        print(f"{words:62} {gap:8.2%}    {verdict(gap, CLOSE, at_most=True)}")
    if BF16 not in kinds:
        print("bf16 not measured: this processor does not compute in it")


if __name__ == "__main__":
    main()
