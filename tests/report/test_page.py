"""The report: one file, nothing fetched, nothing from data taken for HTML, in both languages."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from reparam.data import DataConfig, load_images
from reparam.errors import ConfigError, RunError
from reparam.evaluation import (
    Group,
    Measured,
    PriorScores,
    Scorecard,
    claim_pair,
    figure_text,
    in_words,
    latent_facts,
    verdicts,
)
from reparam.report import write_report
from reparam.report.figures.progress import _terms
from reparam.report.page import Chapter, _images_of, chapter, render
from reparam.runs import Run, RunView, look_at, numbered, with_distinct_titles
from reparam.types import Language

from .conftest import NASTY, make_images, make_run, with_other_parts

LIMIT = 5_000_000


class Page(HTMLParser):
    """What a page is made of: images with their texts, and every address in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "img":
            self.images.append(found)
        self.addresses += [found[key] or "" for key in ("src", "href") if key in found]


@pytest.fixture(scope="session")
def in_languages(views: list[RunView]) -> dict[Language, list[Chapter]]:
    """Drawing takes long."""
    return {lang: [chapter(view, None, lang) for view in views] for lang in get_args(Language)}


@pytest.fixture(scope="session")
def chapters(in_languages: dict[Language, list[Chapter]]) -> list[Chapter]:
    """For tests of the text around the figures."""
    return in_languages["en"]


@pytest.fixture(scope="session", params=get_args(Language))
def html(request: pytest.FixtureRequest, in_languages: dict[Language, list[Chapter]]) -> str:
    return render(in_languages[request.param], request.param, "reparam demo", 12.0)


def test_self_contained_and_small(html: str) -> None:
    page = Page(html)
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not {"script", "iframe", "link", "object"} & set(page.tags)
    assert "url(" not in html.split("</style>")[0]
    assert len(html.encode()) < LIMIT


def test_every_picture_has_a_text_and_a_size(html: str) -> None:
    for image in Page(html).images:
        assert image["alt"]
        assert int(image["width"] or 0) > 50
        assert int(image["height"] or 0) > 50


def test_every_figure_of_the_article_is_there(html: str) -> None:
    numbers = set(map(int, re.findall(r"(?:Fig\.|그림) (\d+)", html)))
    numbers |= set(map(int, re.findall(r"(?:Fig\. \d+ and|그림 \d+[와과]) (\d+)", html)))
    assert numbers >= set(range(1, 23))
    assert html.count("<math") >= 6


def test_the_page_says_whether_the_numbers_come_again(chapters: list[Chapter]) -> None:
    """On a CPU they do; what a GPU's fast algorithms did is said too, and a backoff."""
    cpu = chapters[1]
    result = replace(
        cpu.view.result,
        device="cuda:0",
        deterministic=False,
        deterministic_reason="fast & free",
        backoffs=2,
    )
    gpu = replace(cpu, view=replace(cpu.view, result=result))
    for lang, sure, unsure, back in (
        (
            "en",
            "to the last bit",
            "last digits may differ (fast &amp; free)",
            "NaN or infinite 2",
        ),
        ("ko", "마지막 비트까지", "끝자리가 조금 다른", "일이 2번 있었고"),
    ):
        html = {name: render([c], lang, "", None) for name, c in (("cpu", cpu), ("gpu", gpu))}
        assert sure in html["cpu"]
        assert sure not in html["gpu"]
        assert unsure in html["gpu"]
        assert back in html["gpu"]
        assert back not in html["cpu"]


def test_text_from_data_never_becomes_html(html: str) -> None:
    page = Page(html)
    assert not [image for image in page.images if image.get("onerror")]
    assert NASTY not in html


def test_the_figures_in_the_text_are_the_runs_own(html: str, views: list[RunView]) -> None:
    for view in views:
        assert f"{view.losses['mse']:.4f}" in html
        assert "made for " + view.run.path.name in html


def scored(of: Chapter, gini: Measured) -> Chapter:
    """The chapter with a scorecard that has one figure."""
    card = Scorecard(
        title=of.title,
        latent_dim=2,
        variational=of.view.is_variational,
        source="noise",
        split="test",
        images=12,
        draws=100,
        seed=0,
        judge="a judge",
        judge_accuracy=None,
        measures={},
        priors=(PriorScores("own", "own", "its own", {"class_gini": gini}, {}),),
        kl_per_dimension=(),
        versions={},
        subject={},
        options={},
        seconds=1.0,
    )
    return replace(of, card=card)


@pytest.mark.parametrize("lang", get_args(Language))
@pytest.mark.parametrize(
    ("ae", "word"),
    [
        (Measured(0.42, 0.40, 0.44, 0.0), "confirmed"),
        (Measured(0.001, 0.0, 0.002, 0.0), "refuted"),
        (Measured(0.03, 0.0, 0.06, 0.0), "undecided"),
    ],
)
def test_the_story_has_the_scorecards_figure_of_uneven_classes_and_its_verdict(
    chapters: list[Chapter], lang: Language, ae: Measured, word: str
) -> None:
    vae = Measured(0.26, 0.25, 0.27, 0.0)
    both = [scored(chapters[0], ae), scored(chapters[1], vae)]
    pair = claim_pair([Group(c.title, (c.card,), {}) for c in both if c.card])
    assert pair is not None
    found = next(v for v in verdicts(*pair) if v.measure == "class_gini")
    assert found.ae is both[0].measured("class_gini")
    assert found.vae is both[1].measured("class_gini")
    assert found.holds.word == word
    assert found.fixed is not None
    html = render(both, lang, "", None)
    story, _, table = html.partition('<table class="claims">')
    for measured, times in ((ae, 3), (vae, 2)):  # at a glance, side by side, and the AE's flaws
        assert story.count(figure_text(measured, found.entry, lang)) == times
    assert f"“{found.claim.text(lang)}”: {in_words(found.holds.word, lang)}." in story
    assert f"{': ' if lang == 'en' else '나아지는가: '}{in_words(found.fixed.word, lang)})" in story
    cells = re.search(f"{re.escape(found.claim.text(lang))}</td>(.*)</tr>", table)
    assert cells is not None
    assert [f'class="word {d.word}"' in cells[1] for d in (found.holds, found.fixed)] == [True] * 2


@pytest.mark.parametrize("lang", get_args(Language))
def test_no_figure_of_uneven_classes_without_labels_or_scorecard(
    chapters: list[Chapter], lang: Language
) -> None:
    without = [scored(c, Measured(None, note="no labels")) for c in chapters]
    for several in (chapters, without, [chapters[0], scored(chapters[1], Measured(0.2, 0.1, 0.3))]):
        story = render(several, lang, "", None).partition('<table class="claims">')[0]
        assert ("coefficient" if lang == "en" else "지니 계수는") not in story


def test_the_notes_of_figures_are_shown(chapters: list[Chapter]) -> None:
    found = Measured(0.2, 0.1, 0.3, 0.0, note='0.1 of it "there" & <b>')
    html = render([scored(c, found) for c in chapters], "en", "", None)
    noted = '<abbr title="0.1 of it &#34;there&#34; &amp; &lt;b&gt;">0.200</abbr>'
    assert html.count(noted) == 4, "in the claims and in each model's scorecard"
    absent = Measured(None, note="no labels")
    missing = render([scored(c, absent) for c in chapters], "en", "", None)
    assert "– <small>no labels</small>" in missing


def test_every_cell_of_a_claim_has_its_head_for_a_narrow_page(chapters: list[Chapter]) -> None:
    html = render([scored(c, Measured(0.2, 0.1, 0.3, 0.0)) for c in chapters], "en", "", None)
    table = html.partition('<table class="claims">')[2].partition("</table>")[0]
    heads = re.findall("<th>(.+?)</th>", table)
    for row in re.findall("<tr><td>(.*)</tr>", table):
        assert re.findall('data-head="(.+?)"', row) == heads[1:]


def test_facts_of_latents() -> None:
    facts = latent_facts(np.array([[2.0, 4.0], [4.0, 4.0], [3.0, 3.0], [3.0, 5.0], [3.0, 4.0]]))
    assert facts.centre_distance == pytest.approx(5.0)
    assert (facts.low, facts.high) == ((2.0, 3.0), (4.0, 5.0))
    assert facts.farthest == pytest.approx(1.0)


def test_one_run_of_any_kind_has_a_report(in_korean: Chapter) -> None:
    for lang in get_args(Language):
        html = render([in_korean], lang, "reparam report", None)
        assert len(html.encode()) < LIMIT
        assert len(Page(html).images) >= 10


def test_parts_from_outside_have_a_report(views: list[RunView]) -> None:
    drawn = chapter(with_other_parts(views[1]), None, "en")
    for lang, words in (("en", "a Laplace distribution"), ("ko", "라플라스 분포")):
        html = render([drawn], lang, "reparam report", None)
        assert words in html
        assert len(Page(html).images) >= 10


def test_a_report_of_runs_of_one_data_set(tmp_path: Path) -> None:
    """From the folders alone. Runs of one kind are told apart by the names of their folders, and
    what is done is said before it is.
    """
    images = make_images(1, labelled=True)
    np.savez(tmp_path / "images.npz", images=images.images, labels=images.labels)
    data = DataConfig(source=str(tmp_path / "images.npz"))
    read = load_images(data)
    runs = [make_run(tmp_path, "ae", 2, read, name, data) for name in ("one", "other")]
    steps: list[tuple[str, int, int]] = []
    out = write_report(
        runs,
        tmp_path / "report.html",
        command="x",
        figures=tmp_path / "figures",
        progress=lambda *step: steps.append(step),
    )
    assert [done for _, done, _ in steps] == list(range(len(steps)))
    assert {total for _, _, total in steps} == {len(steps)}
    said = [what for what, _, _ in steps]
    assert said[:2] == ["reading images", f"encoding the images of {runs[0].path}"]
    assert "figure 09-latents of AE (other)" in said
    assert said[-1] == "the page"
    html = out.read_text(encoding="utf-8")
    assert "AE (one)" in html
    assert "AE (other)" in html
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"one", "other"}
    first, second = _images_of(runs)
    assert first is second


def test_what_is_true_of_the_articles_ae_is_said_of_no_other(
    chapters: list[Chapter], tmp_path: Path
) -> None:
    images = make_images(1, labelled=True)
    article = render(chapters, "en", "x", None)
    for sentence in ("in little else", "Nothing in the loss prevents this", "Off-centre"):
        assert sentence in article
    assert "extra terms" not in article
    runs = [make_run(tmp_path, name, 2, images, name) for name in ("wae", "info-vae")]
    others = render([chapter(look_at(run, images), None, "en") for run in runs], "en", "x", None)
    for sentence in ("Nothing in the loss prevents this", "Off-centre"):
        assert sentence not in others
    assert "has extra terms too: <code>mmd</code>" in others
    assert "with its extra terms (<code>mmd</code>), is" in others


def test_an_objective_without_a_rate_has_no_kl_and_no_elbo(tmp_path: Path) -> None:
    """Its recorded rate of 0 is no KL divergence, and −log p(x|z) no negative ELBO."""
    images = make_images(1, labelled=True)
    run = make_run(tmp_path, "ae", 2, images, "without-a-rate")
    made = chapter(look_at(run, images), None, "en")
    assert made.view.is_variational
    for lang, kl, elbo, not_said, said in (
        ("en", "KL divergence from the", "negative ELBO", "On the", "trained without this term"),
        ("ko", "KL 발산, 이미지당", "음의 ELBO", "두 항의 값은", "이 항 없이 학습했습니다"),
    ):
        html = render([made], lang, "x", None)
        for row in (kl, elbo):
            cells = re.search(f"<td>[^<]*{row}[^<]*</td>(.*?)</tr>", html)
            assert cells is not None
            assert cells[1].startswith("<td>–")
        assert said in html
        assert not_said not in html
    assert "rate_nats" not in dict(_terms(made.view, "en"))


def test_runs_in_folders_of_one_name_are_told_apart(views: list[RunView]) -> None:
    same = [views[0], views[0], views[1], views[0]]
    name = views[0].run.path.name
    titles = [view.title for view in with_distinct_titles(same)]
    assert titles == [f"AE ({name})", f"AE ({name}) 2", "VAE", f"AE ({name}) 3"]
    assert numbered(["a", "a-2", "a", "b"]) == ["a", "a-2", "a-3", "b"]
    assert numbered(["shared"], taken=["shared"]) == ["shared-2"]


@pytest.mark.parametrize(
    ("lang", "unseen", "seen"),
    [
        ("en", "not seen in training", "held no images out"),
        ("ko", "학습에 쓰지 않은 것입니다", "학습에 쓴 이미지들입니다"),
    ],
)
def test_a_run_that_held_nothing_out_does_not_say_that_it_did(
    in_languages: dict[Language, list[Chapter]], lang: Language, unseen: str, seen: str
) -> None:
    ae = in_languages[lang][0]
    for split, said, other in (("test", unseen, seen), ("train", seen, unseen)):
        html = render([replace(ae, view=replace(ae.view, split=split))], lang, "x", 1.0)
        assert said in html
        assert other not in html


def test_figures_are_written_too(tmp_path: Path, views: list[RunView]) -> None:
    made = chapter(views[1], tmp_path / "figures", "ko")
    files = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert files == set(made.figures)


def test_no_runs_and_unfinished_runs_are_refused(tmp_path: Path, views: list[RunView]) -> None:
    with pytest.raises(ConfigError, match="at least one run"):
        write_report([], tmp_path / "r.html", command="")
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "config.json").write_bytes((views[0].run.path / "config.json").read_bytes())
    images = make_images(1, labelled=True)
    with pytest.raises(RunError, match="got an unfinished one"):
        look_at(Run.open(folder), images)
