"""Formulas from papers that the microstructure family estimates with."""
