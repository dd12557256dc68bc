"""Sweeps on the command line: `python train.py -m hparams=pareto_sweep`."""
