"""Several as one: runs as an ensemble, seeds as one judgement."""
