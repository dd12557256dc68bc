"""intraday_rl: train, judge and compare reinforcement-learning agents on intraday markets."""

__version__ = "0.1.0"
