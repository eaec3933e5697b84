"""How figures are written: with their spread, into one section of benchmarks/RESULTS.md."""

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

FILE = Path(__file__).parent / "RESULTS.md"


def spread(values: Sequence[float], digits: int) -> str:
    """Median (lowest to highest); of one value itself."""
    low, high = min(values), max(values)
    if len(values) == 1:
        return f"{low:.{digits}f}"
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def write_section(name: str, text: str) -> None:
    """Replaces what is between the section's markers. Raises ValueError without markers."""
    page = FILE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"{FILE}: no section {name}; add the lines {begin} and {end}")
    FILE.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page), encoding="utf-8")
