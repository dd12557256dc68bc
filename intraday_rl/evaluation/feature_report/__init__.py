"""The report of the features themselves: how complete they are, how alike, and whether they drift; one page."""

from intraday_rl.evaluation.feature_report.data import FeatureReportData, SymbolFeatures
from intraday_rl.evaluation.feature_report.findings import Finding
from intraday_rl.evaluation.feature_report.page import write_feature_report

__all__ = ["FeatureReportData", "Finding", "SymbolFeatures", "write_feature_report"]
