"""The market: a tape of bars, execution models and account keeping. It knows no rewards and no learning."""
