"""Random paths that more than one simulated source uses."""

from __future__ import annotations

from intraday_rl.data.bars import FloatArray

NEGLIGIBLE = 1e-18  # weights of the distant past below this do not change a float64 sum


def autoregressive(innovations: FloatArray, phi: float) -> FloatArray:
    """Return x with x[t] = phi * x[t-1] + innovations[t] along the last axis, x[0] = innovations[0].

    The sum over the past is doubled in reach at each pass, so the work is vectorised and x[t] depends on
    innovations[:t + 1] alone.

    Args:
        innovations: (..., T); the first one is the start value.
        phi: coefficient in [0, 1].
    """
    path = innovations.copy()
    reach = 1
    while reach < path.shape[-1] and phi**reach > NEGLIGIBLE:
        path[..., reach:] += phi**reach * path[..., :-reach]
        reach *= 2
    return path
