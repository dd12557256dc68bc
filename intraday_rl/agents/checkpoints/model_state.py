"""What training changes in a Stable-Baselines3 model, whatever its algorithm: weights, optimisers, counters, last step.

Taken between two rollouts, when the rollout buffer is empty; the replay buffer is `replay`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.save_util import recursive_getattr

from intraday_rl.core.errors import CheckpointError

COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")
LAST = ("_last_obs", "_last_original_obs", "_last_episode_starts")
HIDDEN = "_last_lstm_states"  # of RecurrentPPO: h and c of the policy's memory, then of the value network's


def model_state(model: Any) -> dict[str, Any]:
    """Return the model's state; arrays are its own."""
    parts, variables = model._get_torch_save_params()
    return {
        "counters": {name: getattr(model, name) for name in COUNTERS},
        "last": {name: getattr(model, name) for name in LAST},
        "hidden": [[_array(tensor) for tensor in pair] for pair in getattr(model, HIDDEN, ())],
        "parts": {name: _part_state(recursive_getattr(model, name)) for name in parts},
        "variables": {name: _array(getattr(model, name)) for name in variables},
        "episodes": list(model.ep_info_buffer),
        "log": _log_state(model.logger),
    }


def restore_model(model: Any, state: Mapping[str, Any]) -> None:
    """Let an untrained model of the same kind become what the other was."""
    for name, value in {**state["counters"], **state["last"]}.items():
        setattr(model, name, value)
    if state["hidden"]:
        pairs = [tuple(_tensor(array) for array in pair) for pair in state["hidden"]]
        setattr(model, HIDDEN, type(getattr(model, HIDDEN))(*pairs))
    for name, saved in state["parts"].items():
        _restore_part(name, recursive_getattr(model, name), saved)
    for name, array in state["variables"].items():
        with torch.no_grad():
            getattr(model, name).copy_(_tensor(array))
    model.ep_info_buffer = deque(state["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    _restore_log(model.logger, state["log"])


def _array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = tensor.detach().cpu().numpy()
    return array


def _tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    """Return a copy of the array in memory that torch laid out."""
    return torch.from_numpy(array).clone()


def _part_state(part: Any) -> dict[str, Any]:
    """Return the state of a network, or of an optimiser."""
    if isinstance(part, torch.nn.Module):
        return {name: _array(tensor) for name, tensor in part.state_dict().items()}
    state = part.state_dict()
    memory = {
        str(place): {name: _array(value) if torch.is_tensor(value) else value for name, value in values.items()}
        for place, values in state["state"].items()
    }
    rates = [group["lr"] for group in state["param_groups"]]
    return {"memory": memory, "learning_rates": rates}


def _restore_part(name: str, part: Any, saved: Mapping[str, Any]) -> None:
    if isinstance(part, torch.nn.Module):
        try:
            part.load_state_dict({key: _tensor(array) for key, array in saved.items()})
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(f"{name}: the checkpoint is of another network: {reason}") from error
        return
    memory = {
        int(place): {key: _tensor(value) if isinstance(value, np.ndarray) else value for key, value in values.items()}
        for place, values in saved["memory"].items()
    }
    groups = part.state_dict()["param_groups"]
    for group, rate in zip(groups, saved["learning_rates"], strict=True):
        group["lr"] = rate
    part.load_state_dict({"state": memory, "param_groups": groups})


def _log_state(logger: Any) -> dict[str, Any]:
    """Return the numbers that were recorded and wait to be written: SB3 writes an update's with the next rollout's."""
    return {
        "values": dict(logger.name_to_value),
        "counts": dict(logger.name_to_count),
        "excluded": dict(logger.name_to_excluded),
    }


def _restore_log(logger: Any, state: Mapping[str, Any]) -> None:
    logger.name_to_value.update(state["values"])
    logger.name_to_count.update(state["counts"])
    logger.name_to_excluded.update({name: tuple(formats) for name, formats in state["excluded"].items()})
