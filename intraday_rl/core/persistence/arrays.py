"""Arrays that take on saved contents in place, since compiled code and other objects hold on to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from intraday_rl.core.errors import CheckpointError


def fill(target: npt.NDArray[Any], saved: npt.NDArray[Any], name: str) -> None:
    """Copy the saved contents into the array.

    Args:
        target: changed in place.
        saved: contents of the same shape and type.
        name: of the array, for the message.

    Raises:
        CheckpointError: shape or type differ.
    """
    if target.shape != np.shape(saved) or target.dtype != saved.dtype:
        raise CheckpointError(
            f"{name} must be {target.dtype} {target.shape}, the checkpoint has {saved.dtype} {np.shape(saved)}; go on "
            "with the sources that it was made by"
        )
    target[...] = saved
