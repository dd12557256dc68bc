"""One exception family: every error a user can cause or meet is an `IntradayError`.

The message of each is one line: what is wrong, where, and what to do. Command lines print it without a traceback.
"""


class IntradayError(Exception):
    """Base of all errors of this package."""


class ParameterError(IntradayError):
    """A parameter breaks the law that its owner states."""


class ConfigError(IntradayError):
    """The composed configuration cannot be used: unknown key, wrong type, impossible combination."""


class DataError(IntradayError):
    """Market data are missing or wrong."""


class FeatureError(IntradayError):
    """A feature is unknown, or a trained feature cannot be computed from the data at hand."""


class BundleError(IntradayError):
    """A saved bundle is damaged or does not fit what it is asked to judge."""


class AccountingError(IntradayError):
    """The ledger and its independent recomputation differ."""


class TrainingError(IntradayError):
    """Training cannot go on: what it learns from is no longer sound."""


class CheckpointError(IntradayError):
    """A checkpoint is damaged, or does not fit the training that is to go on from it."""


class TrackingError(IntradayError):
    """The experiment store cannot be used."""


class SweepError(IntradayError):
    """A sweep cannot begin or go on: its study, its storage or its trials."""
