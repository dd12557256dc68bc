"""intraday_rl: train, judge and compare reinforcement-learning agents on intraday markets.

`make_env`, `make_vec_env` and `make_vector_env` build environments from overrides of the configuration. Importing the
package makes its ids known to Gymnasium: `gymnasium.make("IntradayTrading-v0", overrides=["data=ou_market"])`, and
`HighWinRate-v0`, which is the same with `reward=high_win_rate`. Anything heavier than Gymnasium is imported when it is
used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

ENVIRONMENT_ID = "IntradayTrading-v0"
HIGH_WIN_RATE_ID = "HighWinRate-v0"
_MAKERS = "intraday_rl.app.make"
_MADE_LATE = ("make_env", "make_vec_env", "make_vector_env")


def register_environments() -> None:
    """Make the ids known to Gymnasium; done when this package is imported, harmless to repeat."""
    try:
        import gymnasium
    except ImportError:  # a damaged installation: `python -m intraday_rl doctor` must still be able to say so
        return
    if ENVIRONMENT_ID not in gymnasium.registry:
        gymnasium.register(
            ENVIRONMENT_ID, entry_point=f"{_MAKERS}:make_env", vector_entry_point=f"{_MAKERS}:make_vector_env"
        )
    if HIGH_WIN_RATE_ID not in gymnasium.registry:
        gymnasium.register(
            HIGH_WIN_RATE_ID,
            entry_point=f"{_MAKERS}:make_high_win_rate_env",
            vector_entry_point=f"{_MAKERS}:make_high_win_rate_vector_env",
        )


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for."""
    if name in _MADE_LATE:
        return getattr(import_module(_MAKERS), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name what is imported late, too."""
    return sorted([*globals(), *_MADE_LATE])


register_environments()
