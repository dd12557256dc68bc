"""From a plan to data in memory: bars of every symbol, references, features, one tape."""
