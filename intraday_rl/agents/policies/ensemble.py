"""An ensemble: several networks that act as one (SPEC C4).

Each member sees the observation through its own scaler and keeps its own memory; members may be of different kinds.
Codes: the code with the largest mean of the members' probabilities, HOLD where several have it. Sizes: the mean of the
members' sizes. The order of the members changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from intraday_rl.agents.policies.actor_critic import NetworkPolicy, most_likely
from intraday_rl.agents.policies.kinds import SINGLE_KINDS, build_one_of, describe_one_of
from intraday_rl.agents.policies.scaler import ObservationScaler
from intraday_rl.env.actions import HOLD

FEWEST = 2  # members
TIE = 1e-12  # probabilities that are nearer to each other are equal but for rounding

Floats = npt.NDArray[Any]


class Member(nn.Module):
    """A network and its observation scaler, whose arrays count among its weights."""

    def __init__(self, network: Any, scaler: ObservationScaler | None) -> None:
        """Keep the network and a copy of the scaler's arrays (None = observations go in as they are)."""
        super().__init__()
        self.network = network
        self.scaled = () if scaler is None else tuple(scaler.arrays())
        for name, array in () if scaler is None else scaler.arrays().items():
            self.register_buffer(name, torch.from_numpy(array.copy()))

    def policy(self) -> NetworkPolicy:
        """Return the policy that acts by the network.

        Raises:
            ValueError: the scaler's arrays are no moments.
        """
        scaler = None
        if self.scaled:
            arrays = {name: getattr(self, name).numpy() for name in self.scaled}
            scaler = ObservationScaler.from_arrays(arrays, gymnasium.spaces.flatdim(self.network.observation_space))
        return SINGLE_KINDS[type(self.network).__name__].act(self.network, scaler)


class Ensemble(nn.Module):
    """The members' networks and scalers as one network, whose weights are all of theirs."""

    def __init__(self, members: Sequence[tuple[Any, ObservationScaler | None]]) -> None:
        """Keep the members: networks for the same observations and actions, each with its scaler."""
        super().__init__()
        self.members = nn.ModuleList(Member(network, scaler) for network, scaler in members)
        self.action_space: gymnasium.Space[Any] = members[0][0].action_space


class EnsemblePolicy(NetworkPolicy):
    """The members of an ensemble acting together; the state is a tuple of theirs."""

    def __init__(self, network: Ensemble, scaler: ObservationScaler | None) -> None:
        """Make the members ready to act.

        Raises:
            ValueError: a scaler for all is given: members have their own; or a member's arrays are no moments.
        """
        if scaler is not None:
            raise ValueError("the members of an ensemble have scalers of their own, and no other")
        super().__init__(network, None)
        members: Any = network.members
        self.members: list[NetworkPolicy] = [member.policy() for member in members]

    def predict(
        self,
        observation: npt.NDArray[np.float32],
        state: Any = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[Floats, Any]:
        """Return the action for each of N raw observations, rows or windows, and the members' states."""
        output, state = self.output(observation, state, episode_start)
        return agreed(output, self.network.action_space), state

    def output(
        self, observation: npt.NDArray[np.float32], state: Any, episode_start: npt.NDArray[np.bool_] | None
    ) -> tuple[Floats, Any]:
        """Return the mean probabilities of the codes, (N, codes), or the mean sizes, (N, 1); and the states."""
        states = [None] * len(self.members) if state is None else state
        outputs, after = zip(
            *(member.output(observation, own, episode_start) for member, own in zip(self.members, states, strict=True)),
            strict=True,
        )
        return pooled(np.stack(outputs), self.network.action_space), after


def pooled(outputs: Floats, space: gymnasium.Space[Any]) -> Floats:
    """Return the mean probabilities of the codes, or the mean sizes.

    Args:
        outputs: what K members make of N observations: logits (K, N, codes), or sizes (K, N, 1), which are clipped.
        space: of the actions.
    """
    exact = outputs.astype(np.float64)
    if isinstance(space, gymnasium.spaces.Box):
        each = np.clip(exact, -1.0, 1.0)
    else:
        powers = np.exp(exact - exact.max(axis=2, keepdims=True))
        each = powers / powers.sum(axis=2, keepdims=True)
    mean: Floats = np.sort(each, axis=0).sum(axis=0) / len(outputs)  # sorted: sums round alike in any order of members
    return mean


def agreed(output: Floats, space: gymnasium.Space[Any]) -> Floats:
    """Return the actions of N observations: the code with the largest mean probability, HOLD for a tie; or the size.

    Args:
        output: as `pooled` returns it.
        space: of the actions.
    """
    likeliest = most_likely(output, space)
    if isinstance(space, gymnasium.spaces.Box):
        return likeliest.astype(np.float32)
    near = output > output.max(axis=1, keepdims=True) - TIE
    return np.where(near.sum(axis=1) > 1, HOLD, likeliest)


def describe_ensemble(network: Ensemble) -> dict[str, Any]:
    """Return what `build_ensemble` needs, plain JSON values: each member's description, and whether it has a scaler."""
    members: Any = network.members
    return {
        "members": [
            {**describe_one_of(SINGLE_KINDS, member.network), "scaled": bool(member.scaled)} for member in members
        ]
    }


def build_ensemble(
    description: Mapping[str, Any], observation_space: gymnasium.spaces.Box, action_space: gymnasium.Space[Any]
) -> Ensemble:
    """Return an untrained ensemble.

    Raises:
        ValueError: the description cannot be one.
    """
    members = description["members"]
    if not isinstance(members, list) or len(members) < FEWEST or not all(isinstance(each, dict) for each in members):
        raise ValueError(f"members must be {FEWEST} or more descriptions of networks, was {str(members)[:60]!r}")
    if not all(isinstance(each["scaled"], bool) for each in members):
        raise ValueError("members: scaled must be true or false for each")
    width = gymnasium.spaces.flatdim(observation_space)
    empty = ObservationScaler(np.zeros(width), np.ones(width), 1.0, 1.0, 1.0)
    return Ensemble(
        [
            (build_one_of(SINGLE_KINDS, each, observation_space, action_space), empty if each["scaled"] else None)
            for each in members
        ]
    )
