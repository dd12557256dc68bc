"""A rule instead of a trained agent, through Gymnasium alone: long far below the session's VWAP, short far above it."""

import gymnasium

import intraday_rl

SELL, HOLD, BUY = range(3)

intraday_rl.register_environments()
env = gymnasium.make(
    "IntradayTrading-v0", overrides=("data.source.num_sessions=40", "env/actions=target"), sessions="test"
)
column = env.unwrapped.batch.rules.layout.names.index("vwap_dev")  # in ATR
returns: list[float] = []
observation, info = env.reset(seed=0)
while len(returns) < 5:
    action = BUY if observation[column] < -4 else SELL if observation[column] > 4 else HOLD
    observation, reward, terminated, truncated, info = env.step(action)
    if terminated or truncated:
        returns.append(info["session_return"])
        observation, info = env.reset()
total = sum(returns)
word = "lost" if total < 0 else "earned"
print(f"The rule {word} {abs(total):.2%} of the capital in {len(returns)} simulated sessions, after all costs.")
