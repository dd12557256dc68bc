"""How a policy fares in each regime, and whether it fares worse in one than in another."""
