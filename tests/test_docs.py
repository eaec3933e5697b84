"""The documents: a page for each row of the scorecard, and links that lead somewhere."""

import re
from pathlib import Path

import pytest

from reparam.evaluation import MEASURES, TOPICS, Entry

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "measures"
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")})

HEADINGS = ("Definition", "Estimator", "Interval and reference", "Known failures", "Source")


def facts(entry: Entry) -> str:
    """What a page says of its row in the catalogue's own words."""
    better = {"ideal": "near its reference", "neither": "neither side"}
    ends = entry.least, entry.most
    low, high = ("no limit" if end is None else f"{end:g}" for end in ends)
    found = [
        f"Unit: {entry.unit or 'none'}",
        f"Better: {better.get(entry.better, entry.better)}",
        f"What matters: {f'{entry.matters:g}' if entry.matters else 'any difference'}",
        f"Range: {low} to {high}",
    ]
    if entry.by_prior:
        found.append("For each prior")
    if entry.on_request:
        found.append("On request")
    if entry.requires:
        found.append(f"Needs: {', '.join(entry.requires)}")
    return ". ".join([*found, f"Version: {entry.version}."])


def plain(text: str) -> str:
    return " ".join(text.split())


def answer(name: str) -> str:
    """What a measure tells one: the line below the title of its page."""
    return plain((PAGES / f"{name}.md").read_text().split("\n\n")[1])


def test_there_are_pages_of_measures_only() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {"README", *MEASURES}


@pytest.mark.parametrize("name", MEASURES)
def test_a_page_says_of_its_measure_what_the_catalogue_says(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text()
    title, *headings = re.findall(r"^#+ .*", text, re.MULTILINE)
    assert title == f"# {MEASURES[name].en}"
    assert headings == [f"## {heading}" for heading in HEADINGS]
    assert not answer(name).startswith("#")
    definition = text.split("## Definition")[1].split("## Estimator")[0]
    assert facts(MEASURES[name]) in plain(definition)


@pytest.mark.parametrize("name", MEASURES)
def test_a_page_names_the_code_that_measures(name: str) -> None:
    source = (PAGES / f"{name}.md").read_text().split("## Source")[1]
    code = re.findall(r"\[`(\w+)`\]\((\S+\.py)\)", source)
    assert code
    for function, file in code:
        assert re.search(rf"^(def|class) {function}\b", (PAGES / file).read_text(), re.MULTILINE)


def test_the_index_has_every_measure_below_its_topic() -> None:
    _, *sections = re.split(r"^## ", (PAGES / "README.md").read_text(), flags=re.MULTILINE)
    listed = {section.split("\n")[0]: plain(section) for section in sections}
    for topic, words in TOPICS.items():
        names = [name for name, entry in MEASURES.items() if entry.topic == topic]
        lines = [f"- [{MEASURES[name].en}]({name}.md): {answer(name)}" for name in names]
        assert listed[words.en] == plain(f"{words.en} {' '.join(lines)}")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    local = [t.partition("#")[0] for t in targets if not re.match(r"https?:|mailto:|#", t)]
    assert [target for target in local if not (document.parent / target).exists()] == []
