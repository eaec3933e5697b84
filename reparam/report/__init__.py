"""Numbers and latents → figures and the report. Nothing is trained here."""

from reparam.report.page import Language, ReportChoices, told_apart, write_report
from reparam.report.pictures import FIGURES
from reparam.report.view import RunView, look_at

__all__ = [
    "FIGURES",
    "Language",
    "ReportChoices",
    "RunView",
    "look_at",
    "told_apart",
    "write_report",
]
