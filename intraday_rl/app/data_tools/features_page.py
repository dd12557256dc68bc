"""`docs/features.md`: every feature, preset and account feature as the code itself describes them.

Conventions: what is said about a feature is its `FeatureSpec`, what is said about a family is its module's docstring.
Nothing about a single feature is written here, so the page cannot say other than the code.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence

from intraday_rl.app.build import PROJECT
from intraday_rl.env import observation
from intraday_rl.env.observation import ACCOUNT_SPECS
from intraday_rl.features import FAMILIES, PRESETS, presets
from intraday_rl.features.base import Family, FeatureSpec

PAGE = PROJECT / "docs" / "features.md"
WIDTH = 120  # characters
COLUMNS = {"name": "feature", "warm_up": "warm-up"}  # heading of a field, where it is not the field's name

INTRODUCTION = """\
# Features

This page is generated from the code; `make docs` writes it anew.

A feature is a column of numbers, one for each minute of a session, computed from bars up to that minute. An agent sees
the features of the last closed bar, then the features of its own account.

## Conventions

- **When a value is known.** The value at bar t is known at the bar's start + 60 s. It depends on bar t and earlier
  ones, and on what was fitted on earlier sessions. Nothing depends on a later bar.
- **Gaps are removed.** The jump from one session's last close to the next session's first close is taken out of the
  prices that features remember. So memories run on across sessions, and the first bar of a session has no return.
  Columns in raw prices say so.
- **Missing values.** A value is NaN in warm-up and before the session's first bar, and an agent does not decide on such
  a minute. After a session's first decision, the record's own gaps are treated as the feature's formula says; a value
  that is then still missing gets the feature's mean over the training sessions, and the run says how often. Nothing is
  carried back. Of several symbols each is scaled by its own training moments.
- **Minutes without a bar.** They repeat the values of the minute before; only the clock and what other symbols tell
  move on.
- **Sources.** In a formula, `t:` is what is computed from trades and quotes tick by tick, `q:` from the quote at the
  bar's end, and `p:` the proxy from bars that takes their place in a record without them. Which one a run used is in
  its bundle and in its feature report: `ticks`, `quotes`, `bars`, `proxy`, or `proxy_typical_price` where also the vwap
  is absent and (h + l + c)/3 stands in.
- **What a feature needs.** Open, high, low, close and volume are always there; what else a feature reads is under
  "needs", with what stands in for it.
- **Units.** `1` is a number without a unit. bps are hundredths of a percent. Values are raw: scaling belongs to the
  learner.
- **Symbols.** o, h, l, c: open, high, low, close of the bar; V: volume; a, b, m: ask, bid and their middle at the
  bar's end; A, B: shares at ask and bid; r: logarithmic return. An index t is the bar, t - 1 the one before.
"""

CLOSING = """\
## A new feature

[CONTRIBUTING.md](../CONTRIBUTING.md#a-feature) has the recipe. A feature's `FeatureSpec` is its entry on this page.
`python -m intraday_rl features` writes a report about the features of given data: gaps, distributions, correlations and
drift.
"""


def features_page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *map(_family, FAMILIES), _presets(), _account(), CLOSING])


def _family(family: Family) -> str:
    summary, conventions = _docstring(family.params.__module__)
    words = [summary, conventions]
    fields = family.params._fields  # type: ignore[attr-defined]
    if fields:
        words.append(f"Parameters: {', '.join(map(_code, fields))}. {inspect.cleandoc(family.params.__doc__ or '')}")
    title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", family.params.__name__).capitalize()  # KnownState is Known state
    return _section(title, words) + "\n" + _table(family.specs)


def _docstring(module: str) -> tuple[str, str]:
    """Return the first sentence of a module's docstring without the name before its colon, and what follows."""
    summary, _, rest = inspect.cleandoc(sys.modules[module].__doc__ or "").partition("\n\n")
    return summary.partition(": ")[2] or summary, rest.removeprefix("Conventions: ")


def _section(title: str, paragraphs: Iterable[str]) -> str:
    filled = (_fill(_escape(text[:1].upper() + text[1:])) for text in paragraphs if text)
    return "\n".join([f"## {title}\n", *filled])


def _fill(text: str, indent: str = "") -> str:
    """Return the text as lines of the page's width."""
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) + "\n"


def _table(specs: Sequence[FeatureSpec]) -> str:
    fields = FeatureSpec._fields
    heads = [COLUMNS.get(field, field) for field in fields]
    rows = [heads, ["---"] * len(heads), *([_code(spec.name), *map(_escape, spec[1:])] for spec in specs)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _code(name: str) -> str:
    return f"`{name}`"


def _escape(text: str) -> str:
    """Return text that Markdown shows as it is, also in a table."""
    return re.sub(r"([|*<])", r"\\\1", text)


def _presets() -> str:
    """Return each preset with its columns; one that begins with all of another names that one."""
    lines = []
    for place, (preset, names) in enumerate(PRESETS.items()):
        earlier = {
            other: columns for other, columns in list(PRESETS.items())[:place] if names[: len(columns)] == columns
        }
        start = max(earlier, key=lambda other: len(earlier[other]), default="")
        words = [f"those of {_code(start)}"] if start else []
        words += map(_code, names[len(earlier.get(start, ())) :])
        lines.append(_fill(f"- **{_code(preset)}** ({len(names)} columns): {', '.join(words)}.", "  "))
    summary, rest = _docstring(presets.__name__)
    return _section("Presets", [summary, f"{rest} A preset is chosen by `features.preset`."]) + "\n" + "".join(lines)


def _account() -> str:
    words = (
        "`features.account` names those that are observed; history is set by `features.stacked` and `features.frames`."
    )
    return _section("The account", [_docstring(observation.__name__)[0], words]) + "\n" + _table(ACCOUNT_SPECS)
