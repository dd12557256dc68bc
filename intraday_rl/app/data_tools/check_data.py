"""`check-data`: say what a file or folder of bars holds, what is wrong with it, and how to train on it.

Exit status: 0 = the bars can be trained on, 1 = they cannot, as they are or as their stamps were stated.
"""

from __future__ import annotations

import re
import shlex
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from intraday_rl.app.build import PROJECT, Plan, build_plan
from intraday_rl.app.compose import compose
from intraday_rl.app.data_tools.examine import examine
from intraday_rl.app.data_tools.findings import Findings, SymbolFindings, Yardstick
from intraday_rl.core.coerce import coerce
from intraday_rl.core.errors import DataError
from intraday_rl.data.importers import ImportRequest
from intraday_rl.data.quality import QualityLimits
from intraday_rl.data.quality.page import PageFacts, write_quality_page
from intraday_rl.data.quality.table import quality_table
from intraday_rl.data.quality.wording import plural

PLACEHOLDERS = ["data=historical", "data.path=bars", "data.symbols=[SPY]"]  # for the defaults of a historical run
SHOWN = 40  # lines about how files were read, and about what is wrong
MOST_SESSIONS = 1000  # looked through for the smallest number that can be split


def check_data(arguments: Namespace) -> int:
    """Check a path, print what was found, and return the exit status.

    Args:
        arguments: path, zone, stamp, symbols, calendar (None = that of the default market) and html (None = no page).

    Raises:
        IntradayError: nothing is there that could hold bars, or an argument is impossible.
    """
    config = compose(PLACEHOLDERS)
    plan = build_plan(config)
    limits = coerce(QualityLimits, config["data"]["quality"])
    request = ImportRequest(
        path=_find(arguments.path),
        format="auto",
        symbols=tuple(arguments.symbols or ()),
        zone=arguments.zone,
        stamp=arguments.stamp,
        calendar=arguments.calendar or plan.markets[0].instrument.calendar,
    )
    found = examine(request, Yardstick(limits, plan.markets[0].pipeline.sources))
    enough = [findings for findings in found.symbols if _parts(plan, len(findings.quality.date))]
    sound = bool(enough) and not found.doubts
    commands = _commands(request, found, [findings.symbol for findings in enough], plan) if sound else []
    _print(found, plan, commands)
    if arguments.html:
        facts = _page_facts(request, found, plan, commands)
        write_quality_page(Path(arguments.html), [findings.quality for findings in found.symbols], facts)
        print(f"page: {arguments.html}")
    return int(not sound or bool(found.problems))


def _find(path: str) -> Path:
    """Return the path as given, or else below the project's root, where the paths of runs start."""
    given = Path(path).expanduser()
    return given if given.exists() or given.is_absolute() or not (PROJECT / given).exists() else PROJECT / given


def _print(found: Findings, plan: Plan, commands: list[str]) -> None:
    console = Console(highlight=False)

    def lines(title: str, texts: list[str], style: str) -> None:
        if texts:
            console.print(Text(title, style="bold"))
            for text in texts[:SHOWN]:
                console.print(Text(text, style=style), soft_wrap=True)
            if len(texts) > SHOWN:
                console.print(f"and {len(texts) - SHOWN} more lines")

    lines("How it was read", _grouped(found.how), "")
    lines("What is wrong", found.problems, "red")
    lines("What seems to be stated wrongly", found.doubts, "yellow")
    for findings in found.symbols:
        console.print()
        console.print(quality_table(findings.quality))
        for name, text in _symbol_facts(findings, plan).items():
            console.print(Text(f"{name}: {text}"), soft_wrap=True)
    console.print()
    lines("Train on it with", commands, "bold green")
    if not commands:
        console.print(Text("These bars cannot be trained on yet.", style="bold red"))


def _grouped(how: Mapping[str, list[str]]) -> list[str]:
    """Return one entry for all files that were read alike but for their first line."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for path, aspects in how.items():
        alike.setdefault(tuple(aspects[1:]), []).append(path)
    entries = []
    for rest, paths in alike.items():
        others = f"; and {plural(len(paths) - 1, 'other file')} in the same way" if len(paths) > 1 else ""
        entries.append("\n  ".join([f"{paths[0]}: {how[paths[0]][0]}{others}", *rest]))
    return entries


def _symbol_facts(findings: SymbolFindings, plan: Plan) -> dict[str, str]:
    facts = {}
    if findings.counts:
        facts["rows left out"] = ", ".join(f"{count:,} {reason}" for reason, count in findings.counts.items())
    if findings.absent:
        facts["absent"] = f"{plural(findings.absent, 'trading day')} between the first and the last have no bar"
    if findings.mixed:
        facts["mixed"] = f"{', '.join(findings.mixed)} are in some sessions only: train without them, or on fewer days"
    facts["features"] = _source_words(findings.sources)
    facts["split"] = _split_words(plan, len(findings.quality.date))
    return facts


def _source_words(sources: Mapping[str, str]) -> str:
    by_source: dict[str, list[str]] = {}
    for name, source in sources.items():
        by_source.setdefault(source, []).append(name)
    parts = []
    for source, names in sorted(by_source.items(), key=lambda item: item[0] == "bars"):
        parts.append(f"{len(names)} from {source}" + ("" if source == "bars" else f" ({', '.join(names)})"))
    return "; ".join(parts)


def _parts(plan: Plan, sessions: int) -> tuple[int, int, int] | None:
    """Return how many sessions each part has; the first of training is warm-up. None = there are too few."""
    try:
        split = plan.split.split(np.arange(sessions).astype("datetime64[D]"))
    except DataError:
        return None
    sizes = (len(split.train) - 1, len(split.validation), len(split.test))
    return sizes if min(sizes) > 0 else None


def _split_words(plan: Plan, sessions: int) -> str:
    parts = _parts(plan, sessions)
    if parts is None:
        least = next((n for n in range(MOST_SESSIONS) if _parts(plan, n)), MOST_SESSIONS)
        few = "1 session is" if sessions == 1 else f"{sessions} sessions are"
        return f"{few} too few for the default split, which needs {least}"
    wanted = plan.gates.evidence_sessions_min
    words = (
        f"{sessions} sessions make 1 of warm-up, {parts[0]} of training, {parts[1]} of validation, {parts[2]} of test"
    )
    return words if parts[2] >= wanted else f"{words}; the verdict will be 'not enough evidence' below {wanted} of test"


def _commands(request: ImportRequest, found: Findings, symbols: list[str], plan: Plan) -> list[str]:
    """Return what to run: training alone where it can read the path, else collecting first."""
    listed = f"data.symbols=[{','.join(symbols)}]"
    calendar = (
        []
        if request.calendar == plan.markets[0].instrument.calendar
        else [f"market.instrument.calendar={request.calendar}"]
    )
    mixed = sorted({name for findings in found.symbols for name in findings.mixed if findings.symbol in symbols})
    unused = [shlex.quote(f"data.without=[{','.join(mixed)}]")] if mixed else []
    train = ["python", "train.py", "data=historical"]
    path = _shown(request.path)
    if found.ready:
        return [" ".join([*train, _override("data.path", path), shlex.quote(listed), *unused, *calendar])]
    store = f"data/{_store_name(request.path)}"
    zone = [f"data.zone={request.zone}"] if request.zone and found.is_table else []
    stamp = [f"data.stamp={request.stamp}"] if found.is_table else []
    where = [_override("data.path", path), *zone, *stamp, shlex.quote(listed), f"data.store={store}", *calendar]
    return [
        " ".join(["python", "collect.py", "data=files", *where]),
        " ".join([*train, f"data.path={store}", shlex.quote(listed), *unused, *calendar]),
    ]


def _shown(path: Path) -> str:
    """Return the path as runs take it: relative to the project where it lies in it."""
    whole = path.resolve()
    return whole.relative_to(PROJECT).as_posix() if whole.is_relative_to(PROJECT) else str(whole)


def _override(key: str, value: str) -> str:
    """Return key=value, quoted for Hydra and for the shell where it needs to be."""
    if re.fullmatch(r"[\w./:+-]+", value):
        return f"{key}={value}"
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return shlex.quote(f'{key}="{quoted}"')


def _store_name(path: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "_", path.name.split(".")[0].lower()).strip("_") or "bars"


def _page_facts(request: ImportRequest, found: Findings, plan: Plan, commands: list[str]) -> PageFacts:
    facts = {path: "; ".join(aspects) for path, aspects in found.how.items()}
    for findings in found.symbols:
        facts |= {f"{findings.symbol}, {name}": text for name, text in _symbol_facts(findings, plan).items()}
    problems = [*found.problems, *found.doubts]
    return PageFacts(path=str(request.path), facts=facts, problems=problems, commands=commands)
