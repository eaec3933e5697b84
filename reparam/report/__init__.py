"""Numbers and latents → figures and the report. Nothing is trained here.

What draws is imported when it is first used, since it needs the extra ``report``.
"""

from typing import TYPE_CHECKING

from reparam.late import late_names
from reparam.report.choices import ReportChoices, check_page

if TYPE_CHECKING:
    from reparam.report.anomalies import anomaly_page
    from reparam.report.comparison import write_comparison
    from reparam.report.page import write_report
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

__getattr__ = late_names(__name__)
