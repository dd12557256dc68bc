"""The algorithms, one a file: parameters and an environment in, an SB3 model out."""
