"""Studies: many runs of train.py that answer one question, carried out by one command and shown in one table."""
