"""The random generators that Stable-Baselines3 draws from: torch's, NumPy's and Python's global ones."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import torch

from intraday_rl.core.persistence.generators import generator_state, set_generator


def random_state(action_space: gymnasium.Space[Any]) -> dict[str, Any]:
    """Return where the global streams stand, and that of the action space's own generator."""
    _, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002
    version, words, next_gauss = random.getstate()
    return {
        "torch": torch.get_rng_state().numpy(),
        "numpy": {"keys": keys, "position": position, "has_gauss": has_gauss, "gauss": gauss},
        "python": {"version": version, "words": np.array(words, dtype=np.uint32), "gauss": next_gauss},
        "actions": generator_state(action_space.np_random),
    }


def restore_random_state(state: Mapping[str, Any], action_space: gymnasium.Space[Any]) -> None:
    """Let all these generators go on from where `random_state` found them."""
    torch.set_rng_state(torch.from_numpy(state["torch"]))
    numpy, python = state["numpy"], state["python"]
    np.random.set_state(  # noqa: NPY002
        ("MT19937", numpy["keys"], numpy["position"], numpy["has_gauss"], numpy["gauss"])
    )
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    set_generator(action_space.np_random, state["actions"])
