"""The documents: a page for each row of the scorecard, and links that lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam.data import DataConfig, image_set_from_arrays
from reparam.evaluation import MEASURES, TOPICS, Entry, Judge, Scorecard, ScoreConfig, scorecard
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.model import MlpDecoderOptions, MlpEncoderOptions, ModelConfig, build_autoencoder

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


@pytest.fixture(scope="module")
def card() -> Scorecard:
    """Of images with labels and factors, all of which a conditional model and a judge that know
    nothing see.
    """
    shape, factors = (4, 4, 1), np.random.default_rng(0).random((400, 2))
    images = image_set_from_arrays(
        np.repeat(np.repeat(factors[:, None, :], 4, 1), 2, 2),
        (factors[:, 0] > 0.5).astype(int),
        name="halves",
        config=DataConfig(test_fraction=0.5, valid_fraction=0.0),
        factors=factors,
    )
    torch.manual_seed(0)
    network = JudgeNetwork(shape, 2).eval().requires_grad_(False)
    judge = Judge(network, shape, images.class_names, 0.5, None, "none", 0.0, from_cache=False)
    parts = ModelConfig(classes=2, encoder=MlpEncoderOptions(), decoder=MlpDecoderOptions())
    few = ScoreConfig(draws=200, likelihood_images=4, likelihood_samples=10, diffusability=True)
    return scorecard(build_autoencoder(parts, shape), images, few, judge=judge)


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


@pytest.mark.parametrize("name", [name for name in MEASURES if not name.startswith("own_")])
def test_a_page_says_whether_there_is_a_reference_and_a_test(name: str, card: Scorecard) -> None:
    text = plain((PAGES / f"{name}.md").read_text())
    found = card.find(name)
    assert found.value is not None
    assert ("There is no reference" in text) == (found.reference is None)
    assert ("no p-value" in text) == (found.p_value is None)


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
