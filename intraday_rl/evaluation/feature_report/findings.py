"""What the feature report found, in plain words, the gravest first; for the page and for the terminal.

Conventions: a limit decides what is worth a line, not what is wrong. Constants and alike pairs are looked for in the
reference alone. A feature drifts where its stability index is above 0.25, the customary limit of a large shift; it does
so beyond the reference where no equally long stretch of the reference's own sessions lies as far from the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from intraday_rl.evaluation.feature_report import quality, statistics
from intraday_rl.evaluation.feature_report.data import FeatureReportData, PartRows, collect_rows

MISSING_LIMIT = 0.01  # share of the minutes with a bar, after warm-up
ALIKE_LIMIT = 0.95  # size of the rank correlation
DRIFT_LIMIT = 0.25  # population stability index


@dataclass(frozen=True, eq=False)
class FeatureFacts:
    """All that was computed for a report.

    Attributes:
        record: counts of the record as a whole.
        rows: the rows of the parts, sampled where there are many.
        quality: see `quality.feature_quality`.
        distribution: of the reference, see `statistics.describe`.
        correlation: of the reference, (F, F).
        alike: pairs above the limit.
        drift: later part -> see `statistics.drift`.
    """

    record: quality.RecordQuality
    rows: PartRows
    quality: pd.DataFrame
    distribution: pd.DataFrame
    correlation: statistics.FloatArray
    alike: list[tuple[str, str, float]]
    drift: dict[str, pd.DataFrame]


class Finding(NamedTuple):
    """One line: what was looked for, and what was found."""

    what: str
    which: tuple[str, ...]

    def number(self) -> int:
        """Return how many were found."""
        return len(self.which)


def gather_facts(data: FeatureReportData) -> FeatureFacts:
    """Compute what the report shows."""
    rows = collect_rows(data)
    reference = rows.of(0)
    correlation = statistics.rank_correlation(reference)
    return FeatureFacts(
        record=quality.record_quality(data),
        rows=rows,
        quality=quality.feature_quality(data),
        distribution=statistics.describe(reference, data.names),
        correlation=correlation,
        alike=statistics.alike_pairs(correlation, data.names, ALIKE_LIMIT),
        drift={name: statistics.drift(rows, place, data.names) for place, name in enumerate(data.parts) if place},
    )


def find(data: FeatureReportData, facts: FeatureFacts) -> list[Finding]:
    """Return the findings; those that found nothing too."""
    table, reference = facts.quality, data.parts[0]
    never = table.index[table["first_known"] == "never"]
    constant = facts.distribution.index[facts.distribution["is_constant"]]
    missing = table[table["missing"] > MISSING_LIMIT].sort_values("missing", ascending=False)
    lines = [
        Finding("never known", tuple(never)),
        Finding(f"constant in the {reference} sessions", tuple(constant)),
        Finding(
            f"missing on more than {100 * MISSING_LIMIT:g} % of the minutes after warm-up",
            tuple(f"{name} {100 * share:.1f} %" for name, share in missing["missing"].items()),
        ),
        Finding(
            f"pairs with a rank correlation above {ALIKE_LIMIT} in size",
            tuple(f"{first} ~ {second} {value:+.3f}" for first, second, value in facts.alike),
        ),
    ]
    for part, measured in facts.drift.items():
        drifting = measured[is_drifting(measured)].sort_values("psi", ascending=False)
        beyond = drifting[is_beyond(drifting)]
        lines.append(Finding(f"drift from {reference} to {part}: stability index above {DRIFT_LIMIT}", _psi(drifting)))
        lines.append(Finding(f"of these beyond any equally long stretch of {reference}", _psi(beyond)))
    return lines


def _psi(measured: pd.DataFrame) -> tuple[str, ...]:
    return tuple(f"{name} {value:.2f}" for name, value in measured["psi"].items())


def is_drifting(measured: pd.DataFrame) -> pd.Series:
    """Say for each feature of a drift table whether its index is large."""
    return measured["psi"] > DRIFT_LIMIT


def is_beyond(measured: pd.DataFrame) -> pd.Series:
    """Say for each feature of a drift table whether its index is larger than any of the reference's own stretches."""
    return measured["psi"] > measured["seen_psi"]


def headline(data: FeatureReportData, facts: FeatureFacts) -> str:
    """Return the result in one line: what needs a look, in numbers."""
    never, constant, missing, alike, *drift = find(data, facts)
    flawed = sum(map(Finding.number, (never, constant, missing)))
    words = [
        f"{flawed} constant, never known or often missing" if flawed else "none constant or often missing",
        f"{alike.number()} {'pair' if alike.number() == 1 else 'pairs'} nearly alike",
    ]
    words += [f"{line.number()} drift to {part}" for line, part in zip(drift[::2], facts.drift, strict=True)]
    return f"{len(data.names)} features of {', '.join(data.symbols)}: {', '.join(words)}"
