"""The help text of a command line whose configuration is `conf/`: usage, groups with their choices, examples."""

from __future__ import annotations

import textwrap

from intraday_rl.app.command_line.groups import default_choices, list_groups, purpose

WIDTH = 110
COLUMN = 18

EXAMPLES = {
    "": "everything at its default",
    "data=historical data.path=FOLDER data.symbols=[SPY]": "on bars of your own (check-data says how)",
    "data=historical data.path=FOLDER data.symbols=[SPY,QQQ]": "one policy on several symbols",
    "experiment=ou_oracle": "a market whose optimum is known",
    "env/actions=target market=mes risk.limits.units.units=5": "other actions, costs and limits",
    "reward=turnover_averse reward.terms.turnover.limit=0.03": "another reward, one of its values changed",
    "~risk.limits.risk_per_trade": "without one rule",
    "debug=smoke experiment=phase3": "any configuration in seconds, with a check-list at the end",
    "resume=FOLDER": "an interrupted run goes on from its last checkpoint, with its own configuration",
    "-m seed=0,1,2 algo.parameters.learning_rate=1e-4,3e-4": "six runs, one after the other",
}
OFTEN_CHANGED = {
    "seed": "root of every random stream",
    "name": "part of the run folder's name",
    "algo.parameters.total_timesteps": "how long to train, in steps",
    "data.source.num_sessions": "length of a simulated market",
    "data.start, data.end": "days of historical bars to use",
    "env.initial_capital_usd": "NAV at every session's start",
    "market.execution": "latency, spread, impact, fills, commission",
    "evaluation.gates": "limits of the judgement",
    "progress=false tracking=none": "a quiet run that leaves nothing but its folder",
}
FLAGS = {
    "--help": "this text",
    "--cfg job": "print the composed configuration instead of running: every tunable with its value",
    "-m, --multirun": "run each combination of comma-separated values",
    "--info": "how the configuration was composed",
    "--shell-completion": 'completion with the tab key: eval "$(python train.py -sc install=bash)"',
}


def help_text(program: str, purpose_of_program: str) -> str:
    """Return the text; it names every group and choice that `conf/` has.

    Args:
        program: the script, such as train.py.
        purpose_of_program: what it does, one sentence.
    """
    parts = [
        f"usage: python {program} [flag …] [group=choice …] [key=value …]",
        purpose_of_program,
        "Groups and their choices (* = default):\n" + "\n".join(_group(group) for group in list_groups()),
        "Often changed:\n" + _table(OFTEN_CHANGED),
        "Examples:\n" + _table({f"python {program} {line}".strip(): what for line, what in EXAMPLES.items()}),
        "Flags:\n" + _table(FLAGS),
        "Relative paths start at the project's root. key=[a,b] is a list.\n"
        "Quote spaces and special characters: 'key=\"a b\"'.",
    ]
    return "\n\n".join(parts)


def _group(group: str) -> str:
    default = default_choices().get(group)
    lines = []
    for choice in list_groups()[group]:
        label = f"{choice} *" if choice == default else choice
        lines.append(_entry(label, purpose(group, choice), COLUMN, "    "))
    return f"  {group}\n" + "\n".join(lines)


def _table(rows: dict[str, str]) -> str:
    width = max(len(key) for key in rows) + 2
    return "\n".join(_entry(key, what, width, "  ") for key, what in rows.items())


def _entry(label: str, what: str, width: int, indent: str) -> str:
    start = f"{indent}{label:<{width}} "
    return (
        textwrap.fill(what, WIDTH, initial_indent=start, subsequent_indent=" " * len(start)) if what else start.rstrip()
    )
