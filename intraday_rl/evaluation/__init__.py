"""Evaluation judges policies, not trainers: roll-outs, ledgers, audits, gates and reports."""
