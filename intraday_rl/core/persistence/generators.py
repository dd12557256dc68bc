"""State of NumPy's generators as plain JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Return where the generator's stream stands."""
    return dict(generator.bit_generator.state)


def set_generator(generator: np.random.Generator, state: dict[str, Any]) -> None:
    """Let the generator go on from a state that `generator_state` gave."""
    generator.bit_generator.state = state
