"""An agent that acts at random, through Gymnasium alone: what trading without a view costs."""

import gymnasium

import intraday_rl

intraday_rl.register_environments()
env = gymnasium.make("IntradayTrading-v0", overrides=("data.source.num_sessions=40",), sessions="test")
env.action_space.seed(0)
observation, info = env.reset(seed=0)
returns: list[float] = []
while len(returns) < 5:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    if terminated or truncated:
        returns.append(info["session_return"])
        observation, info = env.reset()
word = "lost" if sum(returns) < 0 else "earned"
print(f"Acting at random {word} {abs(sum(returns)):.2%} of the capital in {len(returns)} sessions, after all costs.")
