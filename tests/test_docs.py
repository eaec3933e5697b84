"""The documents: a page for each row of the scorecard, links that lead somewhere, and jobs that the
README leads to.
"""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam.cli.reference import command_modules
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
def test_a_page_leads_to_the_measures_that_it_names(name: str) -> None:
    words = re.findall(r"(?<!\[)`(\w+)`", (PAGES / f"{name}.md").read_text())
    assert {*words} & {*MEASURES} <= {name}


@pytest.mark.parametrize("name", MEASURES)
def test_a_page_names_the_code_that_measures(name: str) -> None:
    source = (PAGES / f"{name}.md").read_text().split("## Source")[1]
    code = re.findall(r"\[`(\w+)`\]\((\S+\.py)\)", source)
    assert code
    for function, file in code:
        assert re.search(rf"^(def|class) {function}\b", (PAGES / file).read_text(), re.MULTILINE)


def test_the_index_has_every_measure_below_its_topic() -> None:
    _, *sections = re.split(r"^##+ ", (PAGES / "README.md").read_text(), flags=re.MULTILINE)
    listed = {section.split("\n")[0]: plain(section) for section in sections}
    for topic, words in TOPICS.items():
        names = [name for name, entry in MEASURES.items() if entry.topic == topic]
        lines = [f"- [{MEASURES[name].en}]({name}.md): {answer(name)}" for name in names]
        assert listed[words.en] == plain(f"{words.en} {' '.join(lines)}")


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MkDocs make it."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading)).strip().lower().replace(" ", "-")


def sections(document: Path) -> dict[str, str]:
    """What is below each anchor of a document: a heading's, or one that a page gives itself."""
    text = document.read_text()
    prose = re.sub(r"^```.*?^```$", lambda m: " " * len(m[0]), text, flags=re.DOTALL | re.MULTILINE)
    marks = [
        (found.start(), found[1] or slug(found[2]))
        for found in re.finditer(r'<a id="([\w-]+)"></a>|^#+ (.*)$', prose, re.MULTILINE)
    ]
    ends = [start for start, _ in marks[1:]] + [len(text)]
    found = {name: text[start:end] for (start, name), end in zip(marks, ends, strict=True)}
    for (start, name), (_, following) in itertools.pairwise(marks):
        if prose[start:].startswith("<a "):
            found[name] = found[following]
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?:|mailto:", target):
            continue
        place, _, anchor = target.partition("#")
        to = document.parent / place if place else document
        assert to.exists(), target
        if anchor and to.resolve() == ROOT / "docs" / "commands" / "index.md":
            assert anchor in {name.replace(" ", "-") for name in command_modules()}, target
        elif anchor:
            assert anchor in sections(to), target
            # MkDocs leaves other letters out of an anchor, which GitHub keeps.
            assert anchor.isascii() or document.name == "README.ko.md", target


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda path: path.name)
def test_commands_fit_a_phone_without_comments_far_behind_them(page: Path) -> None:
    """A comment that spaces align with others is broken where the line is."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in re.findall(r".*\S {2,}#.*", block)] == []


JOBS = {
    "own-pictures": {
        "train": "reparam train landscapes",
        "size": "--image-size 96x128",
        "continue": "reparam resume runs/landscapes",
        "sample": "reparam sample runs/landscapes",
        "fine-tune": "gradient_step",
        "denoise": "reparam denoise",
        "table": "reparam encode runs/landscapes",
        "onnx": "reparam export runs/landscapes --onnx",
        "web": "reparam export runs/landscapes --single-file",
    },
    "anomaly": {
        "2-train": "reparam anomaly fit",
        "3-look-at-new-pictures": "reparam anomaly score",
        "the-threshold": "--false-alarms 0.05",
        "4-measure-how-well-it-works": "ground_truth/scratch",
        "bad-pictures-among-the-good-ones": "--contamination 0.05",
        "export-the-detector": "--anomaly brick.onnx",
        "from-python": "reparam.AnomalyDetector",
    },
}
"""What a reader of README wants to do, by its place in the tutorial or guide: what says how."""

ENGLISH = {
    "size": "the-size-of-the-pictures",
    "table": "latents-as-a-table",
    "web": "on-a-web-page",
}
"""Places that the Korean page calls otherwise."""


@pytest.mark.parametrize("language", ["", ".ko"])
@pytest.mark.parametrize("place", JOBS["own-pictures"])
def test_readme_leads_to_each_job_with_own_pictures(place: str, language: str) -> None:
    page = f"docs/tutorials/own-pictures{language}.md"
    anchor = place if language else ENGLISH.get(place, place)
    assert f"({page}#{anchor})" in (ROOT / f"README{language}.md").read_text()
    assert JOBS["own-pictures"][place] in sections(ROOT / page)[anchor]


@pytest.mark.parametrize("language", ["", ".ko"])
@pytest.mark.parametrize("place", JOBS["anomaly"])
def test_readme_leads_to_each_job_of_anomaly_detection_in_two_clicks(
    place: str, language: str
) -> None:
    readme, guide = (ROOT / f"README{language}.md").read_text(), ROOT / "docs" / "anomaly.md"
    assert "(docs/anomaly.md)" in readme
    assert f"(docs/anomaly.md#{place})" in readme or f"(#{place})" in guide.read_text()
    assert JOBS["anomaly"][place] in sections(guide)[place]
