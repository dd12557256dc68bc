"""The episodes that ended in the last step of SB3's training loop, for callbacks that live on them."""

from __future__ import annotations

from typing import Any


def finished_episodes(loop: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the infos of the episodes that just ended, by account, as `BatchEnv.episode_infos` describes them.

    Args:
        loop: the local variables of the training loop, a callback's `locals`.
    """
    return [info for info in loop["infos"] if info] if loop["dones"].any() else []
