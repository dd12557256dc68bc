"""The quality page: one HTML file that loads nothing, light or dark as the system is.

Every text that comes from a file (symbols, names of columns, messages) is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intraday_rl.core.errors import DataError
from intraday_rl.core.webpage import fill_template
from intraday_rl.data.quality.assess import Quality
from intraday_rl.data.quality.drawings import coverage_drawing, heat_strip, missing_drawing
from intraday_rl.data.quality.limits import CHECK_NAMES, CHECKS
from intraday_rl.data.quality.wording import describe_symbol, headline, name_sessions, plural, with_unit

SESSIONS_NAMED = 30


@dataclass(frozen=True, kw_only=True)
class PageFacts:
    """What the page says beside the quality itself.

    Attributes:
        path: what was checked.
        facts: name -> text, how it was read and what can be done with it.
        problems: what is wrong, one line each.
        commands: what to run next.
    """

    path: str
    facts: Mapping[str, str]
    problems: Sequence[str]
    commands: Sequence[str]


def write_quality_page(file: Path, qualities: Sequence[Quality], facts: PageFacts) -> None:
    """Write the page; an existing file is replaced.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(quality_page(qualities, facts), encoding="utf-8")
    except OSError as error:
        raise DataError(f"{file}: cannot be written ({error.strerror}); name another file") from None


def quality_page(qualities: Sequence[Quality], facts: PageFacts) -> str:
    """Return the page as text."""
    first = headline(qualities) if qualities else "No bars could be checked"
    failing = any(quality.failed(CHECK_NAMES).any() for quality in qualities)
    slots = {
        "page_title": html.escape(f"Data quality: {first}"),
        "tone": "loss" if facts.problems or failing or not qualities else "profit",
        "headline": html.escape(first),
        "subtitle": html.escape(facts.path),
        "tiles": _tiles(qualities),
        "symbols": "".join(f"<a href='#symbol-{i}'>{html.escape(q.symbol)}</a>" for i, q in enumerate(qualities)),
        "problems": _problems(facts.problems),
        "sections": "".join(_section(i, quality) for i, quality in enumerate(qualities)),
        "facts": _definitions(facts.facts),
        "checks": _definitions({check.name: check.meaning for check in CHECKS}),
        "commands": html.escape("\n".join(facts.commands) or "Nothing can be run on these data yet."),
    }
    return fill_template("intraday_rl.data.quality", slots)


def _tiles(qualities: Sequence[Quality]) -> str:
    if not qualities:
        return ""
    coverage = np.concatenate([quality.coverage for quality in qualities])
    tiles = [
        (f"{len(qualities)}", "symbols"),
        (f"{len(coverage):,}", "sessions"),
        (f"{sum(int(quality.bars.sum()) for quality in qualities):,}", "bars"),
        (f"{np.median(coverage) * 100:.1f} %", "of the minutes in the median session"),
        (f"{sum(int(q.failed(CHECK_NAMES).sum()) for q in qualities):,}", "sessions that fail a check"),
    ]
    return "".join(f"<div class='tile'><b>{value}</b><span>{label}</span></div>" for value, label in tiles)


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return "<p class='caption'>Every row obeys the laws of bars.</p>"
    return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in problems)}</ul>"


def _section(number: int, quality: Quality) -> str:
    failing = plural(int(quality.failed(CHECK_NAMES).sum()), "session")
    return (
        f"<h2 id='symbol-{number}'>{html.escape(quality.symbol)}</h2>"
        f"<p class='caption'>{html.escape(describe_symbol(quality))}; {failing} with a failed check.</p>"
        f"<section class='card'><h3>Sessions and checks</h3><p class='caption'>Strong marks fail, pale ones are past "
        f"half of the limit; a dotted lane had nothing to check.</p><div class='scroll'>{heat_strip(quality)}</div>"
        f"{_table(quality)}</section>"
        f"<section class='card'><h3>Coverage</h3><p class='caption'>Minutes with a bar, session by session; sessions "
        f"that fail a check are marked.</p><div class='scroll'>{coverage_drawing(quality)}</div></section>"
        f"<section class='card'><h3>Missing minutes over the day</h3><p class='caption'>Share of the sessions without "
        f"a bar, by minutes since the opening.</p><div class='scroll'>{missing_drawing(quality)}</div></section>"
    )


def _table(quality: Quality) -> str:
    rows = []
    for check in CHECKS:
        values, count = quality.values[check.name], int(quality.fails[check.name].sum())
        worst = "nothing to check" if np.isnan(values).all() else with_unit(check, float(np.nanmax(values)))
        style = "fail" if count else "pass"
        rows.append(
            f"<tr><th scope='row'>{check.name}</th><td class='number'>{worst}</td>"
            f"<td class='number'>{with_unit(check, getattr(quality.limits, check.limit))}</td>"
            f"<td class='number'><span class='verdict {style}'>{count}</span></td>"
            f"<td class='why'>{html.escape(name_sessions(quality, check, SESSIONS_NAMED))}</td></tr>"
        )
    head = "<th>Check</th><th class='number'>Largest</th><th class='number'>Limit</th><th class='number'>Failing</th>"
    return (
        f"<div class='scroll'><table><thead><tr>{head}<th>Sessions, the worst first</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _definitions(rows: Mapping[str, str]) -> str:
    parts = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in rows.items())
    return f"<dl>{''.join(parts)}</dl>"
