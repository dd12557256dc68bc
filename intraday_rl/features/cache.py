"""Feature tables kept on disk: a second start of the same run computes nothing again.

Conventions: the key holds everything that a table depends on: the bars, the references, the pipeline's fingerprint and
the sources and libraries that compute it. Another column, parameter or bar is another key, and invalidates its own
table alone.
"""

from __future__ import annotations

from intraday_rl.core.array_cache import Entry, cached, code_digest
from intraday_rl.core.hashing import hash_json
from intraday_rl.data.bars import Bars
from intraday_rl.features.base import FeatureTable
from intraday_rl.features.pipeline import FeaturePipeline
from intraday_rl.features.references import NO_REFERENCES, References

KIND = "features"


def cached_features(pipeline: FeaturePipeline, bars: Bars, references: References = NO_REFERENCES) -> FeatureTable:
    """Return `pipeline.compute(bars, references)`, from the cache where it was computed before.

    Raises:
        FeatureError, DataError: as `FeaturePipeline.compute`.
    """
    sources = pipeline.sources(bars, references)
    fingerprint = pipeline.fingerprint(sources)
    digest = code_digest("core", "data", "features")
    key = hash_json([bars.fingerprint, references.fingerprint, fingerprint, digest])

    def make() -> Entry:
        table = pipeline.compute(bars, references)
        return Entry({"values": table.values, "valid": table.valid}, {})

    arrays = cached(KIND, key, make).arrays
    return FeatureTable(pipeline.names, arrays["values"], arrays["valid"], sources, fingerprint)
