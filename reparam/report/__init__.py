"""Numbers and latents → figures and the report. Nothing is trained here."""

from reparam.report.anomalies import anomaly_page
from reparam.report.comparison import write_comparison
from reparam.report.page import ReportChoices, check_page, write_report
from reparam.report.pictures import FIGURES
from reparam.report.search import search_picture

__all__ = [
    "FIGURES",
    "ReportChoices",
    "anomaly_page",
    "check_page",
    "search_picture",
    "write_comparison",
    "write_report",
]
