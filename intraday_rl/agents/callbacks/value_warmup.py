"""Let the value network learn alone at first, so that a policy that was cloned is not undone by a blind critic."""

from __future__ import annotations

from stable_baselines3.common.callbacks import BaseCallback

OF_VALUES = ("value_net", "mlp_extractor.value_net", "lstm_critic")


class ValueWarmup(BaseCallback):
    """Keep all weights but those of the value network as they are during the first `steps` environment steps.

    Whole rollouts are kept: the policy begins to learn with the first rollout that starts at `steps` or later. The
    steps count like all others.
    """

    def __init__(self, steps: int) -> None:
        """Keep the number of steps."""
        super().__init__()
        self._steps = steps

    def _on_rollout_start(self) -> None:
        learns = self.num_timesteps >= self._steps
        for name, parameter in self.model.policy.named_parameters():
            if not name.startswith(OF_VALUES):
                parameter.requires_grad_(learns)

    def _on_step(self) -> bool:
        return True
