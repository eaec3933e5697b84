"""Runs to and from the Hub, with huggingface_hub's own client and a Hub on this machine."""

import errno
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import huggingface_hub.utils
import numpy as np
import pytest
from hub_server import READER, WRITER, Hub, used_hub
from huggingface_hub import constants
from markdown_it import MarkdownIt
from PIL import Image

import reparam as rp
from reparam.cli.main import COMMANDS
from reparam.cli.main import run as command
from reparam.evaluation import MEASURES, current_scorecard, figure_text
from reparam.explorer import built
from reparam.runs import Run

# What huggingface_hub uploads with says so of its own call, and commands show warnings.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = "someone/small-vae"
SCORE = ("--draws", "40", "--likelihood-images", "1", "--likelihood-samples", "10", "--quiet")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with used_hub(monkeypatch, tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def scored(vae_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small VAE, with a fitted prior and a scorecard."""
    run = tmp_path_factory.mktemp("scored") / "vae"
    shutil.copytree(vae_run, run)
    assert command(["fit-prior", str(run), "--prior", "gaussian", "--quiet"]) == 0
    assert command(["score", str(run), *SCORE]) == 0
    return run


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 12, 12)).astype(np.uint8)


def texts_of(files: dict[str, bytes]) -> str:
    return "\n".join(data.decode(errors="replace") for data in files.values())


def head(hub: Hub, name: str = NAME) -> dict[str, bytes]:
    repo = hub.repos[name]
    return repo.commits[repo.head]


def test_what_is_pushed_and_pulled_is_the_run_to_the_last_bit(
    hub: Hub, scored: Path, tmp_path: Path, reparam
) -> None:
    said = reparam("push", scored, NAME, "--license", "mit", "--dataset", "someone/shapes")
    assert said.status == 0, said.err
    assert said.out.strip() == f"{hub.address}/{NAME}"
    out = tmp_path / "pulled"
    assert reparam("pull", NAME, "--out", out).status == 0
    for file in ("model.safetensors", "prior.safetensors", "metrics.jsonl", "result.json"):
        assert (out / file).read_bytes() == (scored / file).read_bytes(), file
    ours, theirs = rp.load(scored), rp.load(out)
    assert np.array_equal(ours.transform(pixels()), theirs.transform(pixels()))
    assert np.array_equal(ours.sample(5, seed=3), theirs.sample(5, seed=3))
    assert {file.name for file in out.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "prior.safetensors",
        "result.json",
        "scorecard.json",
    }
    before = json.loads((scored / "scorecard.json").read_text())["measures"]
    assert json.loads((out / "scorecard.json").read_text())["measures"] == before


EVERY_COMMAND = f"""
info run
sample run
reconstruct run
denoise run
neighbours run
encode run --scores
decode run run/export/latents.csv
score run {" ".join(SCORE)}
fit-prior run --prior gaussian --overwrite --quiet
anomaly calibrate run --scores squared-error elbo --quiet
anomaly score run shapes.npz --false-alarms 0.2
compare run {" ".join(SCORE)} --out comparison.html
report run
export run --onnx onnx --torch torch --site site --images 8
push run {NAME}
"""


@pytest.mark.slow
def test_a_pulled_run_is_one_for_every_command(
    hub: Hub, scored: Path, shapes_file: Path, tmp_path: Path, reparam, refused, monkeypatch
) -> None:
    """Where its images lie in the working folder."""
    assert reparam("push", scored, NAME).status == 0
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page"
    page.mkdir()
    for name in ("index.html", "single.html"):
        (page / name).write_text("<!doctype html><title>page</title><!--BUNDLE-->")
    monkeypatch.setattr(built, "PAGE", page)
    assert reparam("pull", NAME, "--out", "run").status == 0
    assert "its images are not at 'shapes.npz'" in refused("reconstruct", "run")
    shutil.copy(shapes_file, "shapes.npz")
    lines = [line.split() for line in EVERY_COMMAND.split("\n") if line]
    for words in lines:
        said = reparam(*words)
        assert said.status == 0, said.err
    assert "last.safetensors: missing" in refused("resume", "run")  # no checkpoints
    # Those that take no run, or new images; and explore, which serves what export --site writes.
    other = {"demo", "train", "sweep", "cache", "pull", "resume", "relocate", "explore"}
    assert {name for name, *_ in lines} | other == set(COMMANDS)


def test_the_card_says_what_was_measured(hub: Hub, scored: Path, reparam) -> None:
    assert reparam("push", scored, NAME, "--license", "mit", "--reconstructions", "yes").status == 0
    card = head(hub)["README.md"].decode()
    data = huggingface_hub.ModelCard(card).data
    assert (data.library_name, data.license) == ("reparam", "mit")
    assert {"reparam", "variational-autoencoder"} <= set(data.tags)
    scores = card.split("| measure | value | ideal |")[1].split("\n\n")[0]
    found = current_scorecard(Run.open(scored))
    for name in ("mse", "psnr", "kid"):
        text = figure_text(found.find(name), MEASURES[name])
        assert f"{MEASURES[name].en}" in scores
        assert f"| {text} |" in scores
    for picture in re.findall(r"!\[\w+\]\((\w+\.png)\)", card):
        assert Image.open(io.BytesIO(head(hub)[picture])).width > 100
    assert head(hub).keys() >= {"samples.png", "reconstructions.png"}
    code = card.split("```python\n")[1].split("```")[0]
    kept: dict[str, object] = {}
    exec(code, kept)  # as the reader of the card would
    assert np.array_equal(kept["images"], rp.load(scored).sample(16, seed=0))


def test_nothing_of_the_machine_is_pushed(hub: Hub, scored: Path, tmp_path: Path, reparam) -> None:
    assert "checkpoints" in os.listdir(scored)
    run = Run.open(shutil.copytree(scored, tmp_path / "run"))
    mirrors = ("https://me:secret-1@host/a/?token=secret-2", "--x=https://secret-3@host")
    command = f"{run.facts.command} --mirrors {' '.join(map(shlex.quote, mirrors))}"
    replace(run, facts=replace(run.facts, command=command)).write_record()
    assert reparam("push", run.path, NAME).status == 0
    tree = head(hub)
    assert tree.keys() == {
        ".gitattributes",
        "README.md",
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "prior.safetensors",
        "result.json",
        "samples.png",  # the images are the user's own: no reconstructions unless asked for
        "scorecard.json",
    }
    source = Path(Run.open(scored).config.data.source)
    told = texts_of({file: data for file, data in tree.items() if not file.endswith(".png")})
    for place in (scored.parent, source.parent, Path.home(), Path(sys.prefix)):
        assert str(place) not in told
    assert source.name in told
    assert "--mirrors URL --x=URL" in told
    assert "secret" not in told
    assert WRITER not in told


def test_a_folder_of_the_machine_is_not_shared(tmp_path: Path, vae_run: Path, refused) -> None:
    """In letters that JSON escapes."""
    run = Run.open(shutil.copytree(vae_run, tmp_path / "김" / "run"))
    names = (f"{run.path.parent}/bar", "column", "square")
    replace(run, facts=replace(run.facts, class_names=names)).write_record()
    said = refused("push", run.path, NAME, "--folder", tmp_path / "look")
    assert f"config.json: must not name folders of this machine, got {run.path.parent}." in said
    assert not (tmp_path / "look").exists()


def test_a_newer_version_replaces_the_older_and_leaves_other_files(
    hub: Hub, scored: Path, vae_run: Path, reparam
) -> None:
    assert reparam("push", scored, NAME).status == 0
    repo = hub.repos[NAME]
    repo.commit({**head(hub), "notes.txt": b"mine"}, "by hand")
    count = len(repo.commits)
    assert reparam("push", vae_run, NAME).status == 0
    assert len(repo.commits) == count + 1
    assert head(hub)["notes.txt"] == b"mine"
    assert "scorecard.json" not in head(hub)
    assert "prior.safetensors" not in head(hub)


@pytest.mark.parametrize(
    ("card", "of"),
    [
        (b"---\nlibrary_name: transformers\n---\n# BERT", "transformers"),
        (b"# BERT", "an unnamed library"),
    ],
)
def test_a_model_of_another_library_is_not_replaced(
    card: bytes, of: str, hub: Hub, vae_run: Path, reparam
) -> None:
    assert reparam("push", vae_run, NAME).status == 0
    repo = hub.repos[NAME]
    repo.commit({"README.md": card, "config.json": b"{}", "model.safetensors": b"0"}, "others")
    before = repo.head
    line = refused_push(reparam, vae_run)
    assert (
        f"{NAME}: must be a new model or one of reparam, got one of {of} with config.json, "
        "model.safetensors. Fix: take another name"
    ) in line
    assert repo.head == before
    repo.commit({"README.md": card}, "a model that was only named")
    assert reparam("push", vae_run, NAME).status == 0


def test_weights_of_another_librarys_names_are_not_replaced(
    hub: Hub, vae_run: Path, reparam
) -> None:
    assert reparam("push", vae_run, "someone/other").status == 0
    repo = hub.repos["someone/other"]
    repo.commit({"README.md": b"---\nlibrary_name: ultralytics\n---\n", "best.pt": b"0"}, "others")
    said = reparam("push", vae_run, "someone/other")
    assert said.status == 2
    assert "got one of ultralytics with best.pt. Fix: take another name" in said.err


def test_images_of_the_training_are_not_sent_unasked(
    hub: Hub, shapes_file: Path, tmp_path: Path, reparam, refused
) -> None:
    """They are the prior of `exemplar`, and so in its weights."""
    run = tmp_path / "run"
    words = ("--epochs", 1, "--prior-components", 8, "--encoder-widths", 8, "--decoder-widths", 8)
    said = reparam("train", shapes_file, "--model", "exemplar", *words, "--quiet", "--out", run)
    assert said.status == 0, said.err
    assert "Fix: --training-images if everybody may see them" in refused("push", run, NAME)
    assert NAME not in hub.repos
    with pytest.raises(rp.ConfigError, match="Fix: training_images=True"):
        rp.load(run).push_to_hub(NAME)
    assert reparam("push", run, NAME, "--training-images").status == 0


def test_an_estimator_goes_there_and_back(hub: Hub, tmp_path: Path) -> None:
    images = np.random.default_rng(1).random((40, 12, 12))
    vae = rp.VAE(latent_dim=2, epochs=1, precision="float32").fit(images)
    vae.fit_prior(images, "gaussian")
    vae.save_pretrained(tmp_path / "folder", shown=images[:5])
    assert vae.push_to_hub(NAME, private=True) == f"{hub.address}/{NAME}"
    assert hub.repos[NAME].private
    for found in (
        rp.from_pretrained(tmp_path / "folder"),
        rp.from_pretrained(str(tmp_path / "folder")),
        rp.from_pretrained(NAME),
    ):
        assert np.array_equal(found.transform(images), vae.transform(images))
        assert np.array_equal(found.sample(3, seed=1)[..., 0], vae.sample(3, seed=1))
        ours, theirs = vae.model_.state_dict(), found.model_.state_dict()
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
        assert found.history_ == vae.history_
    again = rp.load(tmp_path / "folder")
    again.save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors", "result.json", "metrics.jsonl"):
        first, second = (tmp_path / folder / name for folder in ("folder", "again"))
        assert first.read_bytes() == second.read_bytes(), name


def test_an_unfinished_run_is_not_shared(tmp_path: Path, vae_run: Path, refused) -> None:
    run = Run.open(shutil.copytree(vae_run, tmp_path / "run"))
    run.forget_result()
    with pytest.raises(
        rp.RunError, match="what is shared must be a finished run, got an unfinished one"
    ):
        rp.load(run.path).save_pretrained(tmp_path / "out")
    line = refused("push", run.path, NAME, "--folder", tmp_path / "out")
    assert "what is shared must be a finished run, got an unfinished one" in line
    assert not (tmp_path / "out").exists()


def test_an_estimator_is_shared_whatever_became_of_its_folder(
    tmp_path: Path, vae_run: Path
) -> None:
    """One with a part that this process does not know; a damaged one; none."""
    path = Path(shutil.copytree(vae_run, tmp_path / "run"))
    fitted = rp.load(path)
    record = json.loads((path / "config.json").read_text())
    del record["digest"]
    record["model"]["prior"] = {"type": "of-a-plug-in"}
    for number, content in enumerate((json.dumps(record), "{", None)):
        if content is None:
            shutil.rmtree(path)
        else:
            (path / "config.json").write_text(content)
            with pytest.raises(rp.ReparamError):
                rp.load(path)
        fitted.save_pretrained(tmp_path / f"out-{number}")
        assert rp.load(tmp_path / f"out-{number}").history_ == fitted.history_


def test_a_folder_of_others_is_not_replaced(tmp_path: Path, ae_run: Path) -> None:
    model = rp.load(ae_run)
    folder = tmp_path / "of-others"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(rp.ConfigError, match="holds other files"):
            model.save_pretrained(folder, overwrite=overwrite)
    assert os.listdir(folder) == ["README.md"]
    model.save_pretrained(tmp_path / "own")
    with pytest.raises(rp.ConfigError, match="holds results already"):
        model.save_pretrained(tmp_path / "own")
    model.save_pretrained(tmp_path / "own", overwrite=True)


def test_names_in_the_data_are_text(hub: Hub, tmp_path: Path, reparam) -> None:
    nasty = ("<img src=x onerror=alert(1)>", "[a](http://b)|`c`", "www.example.org *_*")
    source = tmp_path / "a_b<script>.npz"
    images = np.random.default_rng(0).integers(0, 256, (30, 12, 12)).astype(np.uint8)
    np.savez(source, images=images, labels=np.arange(30) % 3, class_names=np.array(nasty))
    run = tmp_path / "run"
    options = ("--epochs", "1", "--precision", "float32", "--quiet", "--latent-dim", "2")
    assert reparam("train", source, "--model", "cvae", "--out", run, *options).status == 0
    assert reparam("push", run, NAME).status == 0
    card = head(hub)["README.md"].decode().split("---\n", 2)[2]
    blocks = MarkdownIt("commonmark").enable("table").parse(card)
    pieces = [piece for block in blocks for piece in block.children or ()]
    assert {piece.type for piece in pieces} == {"text", "image"}
    assert [piece.attrs["src"] for piece in pieces if piece.type == "image"] == ["samples.png"]
    assert not [block for block in blocks if block.type.startswith("html")]
    texts = [piece.content for piece in pieces]
    assert f"It is conditional. Its classes: {', '.join(nasty)}." in texts
    assert f"conditional VAE of {source.name}" in texts
    # GitHub's Markdown would also make links of addresses.
    assert r"http\://b" in card
    assert r"www\.example.org" in card


@pytest.mark.parametrize(
    ("token", "faults", "words"),
    [
        (None, {}, "must know who you are"),
        ("hf_of_nobody", {}, "must know who you are"),
        (READER, {}, r"allowed to write it, the Hub says no \(403\)"),
        (WRITER, {"POST /api/models/.*/commit": 500}, r"answered with an error \(500\)"),
        (WRITER, {"PUT /store": 503}, r"answered with an error \(503\)"),
        (WRITER, {"POST .*/preupload": "cut"}, "connection broke"),
        (WRITER, {"POST /api/models/.*/commit": "cut"}, "connection broke"),
    ],
)
def test_a_push_that_fails_says_why_and_changes_nothing(
    token: str | None,
    faults: dict[str, int | str],
    words: str,
    hub: Hub,
    vae_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    reparam,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token or "")
    hub.faults = faults
    before = sorted(vae_run.rglob("*"))
    line = refused_push(reparam, vae_run)
    assert re.search(words, line)
    assert token is None or token not in line
    assert sorted(vae_run.rglob("*")) == before
    assert NAME not in hub.repos or head(hub).keys() == {".gitattributes"}


def test_a_card_that_the_hub_refuses_makes_no_model(hub: Hub, vae_run: Path, reparam) -> None:
    line = refused_push(reparam, vae_run, "--license", "no-such")
    assert f"{NAME}: the Hub must accept the name and the card, got: " in line
    assert "\"license\" must be one of ['mit', " in line
    assert "Fix: correct what it names" in line
    assert NAME not in hub.repos
    with pytest.raises(rp.HubError, match="must accept the name and the card"):
        rp.load(vae_run).push_to_hub(NAME, license="no-such")


@pytest.mark.parametrize("name", ["a/b--c", "a/b..c", "a/x.git", "a/b-", f"a/{'b' * 97}"])
def test_a_name_that_the_hub_cannot_have(name: str, vae_run: Path, tmp_path: Path, refused) -> None:
    for words in (("push", vae_run, name), ("pull", name, "--out", tmp_path / "out")):
        line = refused(*words)
        assert f"must have a name that the Hub takes, got '{name}' (" in line
        assert "Fix: correct it" in line
    with pytest.raises(rp.ConfigError, match="name that the Hub takes"):
        rp.from_pretrained(name)


def test_a_cache_that_cannot_be_written(
    hub: Hub, vae_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    """Neither where a file is in its place, nor where the disk is full."""
    rp.load(vae_run).push_to_hub(NAME)
    words = "its cache must be writable .*Fix: make room, or set HF_HOME"
    (tmp_path / "file").write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "cache"))
        assert re.search(words, refused("pull", NAME, "--out", tmp_path / "out"))
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(
            "huggingface_hub.file_download._download_to_tmp_and_move", Mock(side_effect=full)
        )
        assert re.search(words, refused("pull", NAME, "--out", tmp_path / "out"))


def test_what_is_no_answer_of_the_hub(hub: Hub, vae_run: Path, tmp_path: Path, refused) -> None:
    """A page of the network that asks for a login, say."""
    rp.load(vae_run).push_to_hub(NAME)
    hub.faults = {"GET /api/models": "page"}
    assert "could not be reached" in refused("pull", NAME, "--out", tmp_path / "out")
    hub.faults = {"GET /api/models": 400}
    line = refused("pull", NAME, "--revision", "v1", "--out", tmp_path / "out")
    assert "must accept the name and the revision, got: a fault. Fix: " in line


def refused_push(reparam, run: Path, *more: str) -> str:
    """Its error, after what is said of the card and of what is sent."""
    said = reparam("push", run, NAME, *more)
    assert (said.status, said.out) == (2, "")
    hint, note, line = said.err.splitlines()
    assert hint == f"the card has no scorecard; `reparam score {run}` makes one"
    assert note.endswith(f"to {NAME} ...")
    assert line.startswith("reparam: error: ")
    return line


def test_private_means_private(hub: Hub, vae_run: Path, reparam) -> None:
    assert reparam("push", vae_run, NAME).status == 0
    before = hub.repos[NAME].head
    line = refused_push(reparam, vae_run, "--private")
    assert "must be a private model, got one that exists and is public" in line
    assert hub.repos[NAME].head == before


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub's client asks again without waiting; else it waits a second, five times."""
    monkeypatch.setattr("huggingface_hub.file_download.time", Mock(sleep=lambda seconds: None))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"GET /api/models": "cut"}, "connection broke"),
        ({"GET /store": "cut"}, "connection broke"),
        ({"GET .*/resolve/.*/result.json": "cut"}, "connection broke"),
        ({"GET .*/resolve/": 403}, r"allowed to read it, the Hub says no \(403\)"),
        ({"GET .*/api/models": 500}, r"answered with an error \(500\)"),
    ],
)
def test_a_pull_that_fails_says_why_and_leaves_nothing(
    faults: dict[str, int | str], words: str, hub: Hub, vae_run: Path, tmp_path: Path, refused
) -> None:
    rp.load(vae_run).push_to_hub(NAME)
    hub.faults = faults
    work = tmp_path / "work"
    work.mkdir()
    line = refused("pull", NAME, "--out", work / "run")
    assert re.search(words, line)
    assert os.listdir(work) == []
    with pytest.raises(rp.HubError, match=words):
        rp.from_pretrained(NAME)
    hub.faults = {}
    assert rp.from_pretrained(NAME).latent_dim == rp.load(vae_run).latent_dim


def test_what_the_hub_does_not_have(
    hub: Hub, vae_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    rp.load(vae_run).push_to_hub(NAME, private=True)
    out = tmp_path / "out"
    assert "no such model, or it is private" in refused("pull", "someone/else", "--out", out)
    line = refused("pull", NAME, "--revision", "v9", "--out", out)
    assert "no such revision" in line
    monkeypatch.setenv("HF_TOKEN", "")
    assert "no such model, or it is private" in refused("pull", NAME, "--out", out)
    assert "must be USER/NAME" in refused("pull", "../..", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config.json": None}, "must be a finished model of reparam, got one without config.json"),
        ({"model.safetensors": b"\x80\x04pickle"}, "damaged or not a safetensors file"),
        ({"config.json": b'{"model_type": "bert"}'}, "not a reparam configuration"),
        ({"result.json": None}, "must be a finished model of reparam, got one without result.json"),
        ({"model.safetensors": None}, "got one without model.safetensors. Fix: name another"),
        ({"metrics.jsonl": b"{"}, "metrics.jsonl"),
        ({"scorecard.json": b"{"}, "scorecard.json"),
    ],
)
def test_models_of_others_are_checked(
    change: dict[str, bytes | None], words: str, hub: Hub, vae_run: Path, tmp_path: Path, refused
) -> None:
    rp.load(vae_run).push_to_hub(NAME)
    tree = {**head(hub), **change}
    tree = {file: data for file, data in tree.items() if data is not None}
    hub.stored |= {hashlib.sha256(d).hexdigest(): d for d in tree.values()}
    hub.repos[NAME].commit(tree, "others")
    line = refused("pull", NAME, "--out", tmp_path / "out")
    assert re.search(words, line), line
    assert ".unfinished" not in line
    assert "reparam resume" not in line
    assert not (tmp_path / "out").exists()
    with pytest.raises(rp.HubError, match=words):
        rp.from_pretrained(NAME)


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("/etc/shapes.npz", "shapes.npz"),
        ("../../shapes.npz", "shapes.npz"),
        (r"\\host\share\shapes.npz", "shapes.npz"),
        ("https://host/shapes.npz", "shapes.npz"),
        ("~root", "root"),
        ("~nobody-of-this-name", "nobody-of-this-name"),
        ("~", "images"),
        ("/", "images"),
    ],
)
def test_a_model_of_others_names_no_place_that_commands_would_open(
    source: str, left: str, hub: Hub, vae_run: Path, tmp_path: Path
) -> None:
    rp.load(vae_run).push_to_hub(NAME)
    run = Run.open(shutil.copytree(vae_run, tmp_path / "forged"))
    data = replace(
        run.config.data, source=source, data_dir=Path("/etc"), mirrors=("https://me:secret@host/",)
    )
    facts = replace(run.facts, plugins={"/etc/parts.py": "0" * 64}, command="reparam /etc/x")
    replace(run, config=replace(run.config, data=data), facts=facts).write_record()
    config = (run.path / "config.json").read_bytes()
    hub.repos[NAME].commit({**head(hub), "config.json": config}, "forged")
    assert command(["pull", NAME, "--out", str(tmp_path / "out")]) == 0
    found = Run.open(tmp_path / "out")
    assert (found.config.data.source, found.config.data.data_dir) == (left, None)
    assert found.config.data.mirrors == ()
    assert (found.facts.command, found.facts.plugins) == ("reparam x", {"parts.py": "0" * 64})
    assert found.load_model() is not None


def test_what_is_public_stays_as_it_is(hub: Hub, scored: Path, tmp_path: Path) -> None:
    assert command(["push", str(scored), NAME]) == 0
    assert command(["pull", NAME, "--out", str(tmp_path / "out")]) == 0
    for file in (tmp_path / "out").iterdir():
        assert file.read_bytes() == head(hub)[file.name], file.name


def test_a_damaged_file_is_named(hub: Hub, vae_run: Path, tmp_path: Path, refused) -> None:
    """One bit, on the Hub; and one in the cache, later."""
    rp.load(vae_run).push_to_hub(NAME)
    whole = hub.repos[NAME].head
    weights = bytearray(head(hub)["model.safetensors"])
    weights[-1] ^= 1
    hub.stored[hashlib.sha256(weights).hexdigest()] = bytes(weights)
    hub.repos[NAME].commit({**head(hub), "model.safetensors": bytes(weights)}, "a bit")
    said = refused("pull", NAME, "--out", tmp_path / "out")
    assert "model.safetensors: damaged, its values are not those that were written" in said
    assert command(["pull", NAME, "--revision", whole, "--out", str(tmp_path / "out")]) == 0
    (cached,) = Path(constants.HF_HUB_CACHE).glob(f"*/snapshots/{whole}/config.json")
    cached.write_bytes(cached.read_bytes()[:-9])
    with pytest.raises(rp.HubError, match=re.escape(str(cached))) as raised:
        rp.from_pretrained(NAME, revision=whole)
    folder = re.search(r"or delete (\S+) and download it again", str(raised.value))[1]
    shutil.rmtree(folder)  # as it says
    assert rp.from_pretrained(NAME, revision=whole).history_ == rp.load(vae_run).history_


def test_what_was_taken_before_needs_no_hub(hub: Hub, vae_run: Path) -> None:
    rp.load(vae_run).push_to_hub(NAME)
    first = rp.from_pretrained(NAME)
    hub.faults = {"": 500}
    again = rp.from_pretrained(NAME)
    assert np.array_equal(first.sample(3, seed=1), again.sample(3, seed=1))


def test_files_that_are_no_run_stay_on_the_hub(hub: Hub, vae_run: Path, tmp_path: Path) -> None:
    rp.load(vae_run).push_to_hub(NAME)
    hub.repos[NAME].commit({**head(hub), "pytorch_model.bin": b"\x80", "a.py": b"1/0"}, "others")
    assert command(["pull", NAME, "--out", str(tmp_path / "out")]) == 0
    assert not {"pytorch_model.bin", "a.py", ".cache"} & set(os.listdir(tmp_path / "out"))
    assert not any("pytorch_model.bin" in what or "a.py" in what for what, _ in hub.seen)


def test_no_telemetry(hub: Hub, vae_run: Path, tmp_path: Path) -> None:
    assert command(["push", str(vae_run), NAME]) == 0
    assert command(["pull", NAME, "--out", str(tmp_path / "out")]) == 0
    assert not any("harness" in what for what, _ in hub.seen)
    assert all("torch" not in agent for _, agent in hub.seen)


def test_without_the_package(
    vae_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reparam, refused
) -> None:
    """What sends nothing needs none."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for words in (("push", vae_run, NAME), ("pull", NAME)):
        assert refused(*words).endswith("Fix: pip install 'reparam[hub]'")
    assert reparam("push", vae_run, NAME, "--folder", tmp_path / "look").status == 0
    assert "must be USER/NAME" in refused("push", vae_run, "a", "--folder", tmp_path / "more")


def test_files_can_be_looked_at_first(
    vae_run: Path, scored: Path, tmp_path: Path, reparam, refused
) -> None:
    look = ("--folder", tmp_path / "look")
    said = reparam("push", vae_run, NAME, *look)
    assert said.status == 0, said.err
    assert "README.md" in os.listdir(tmp_path / "look")
    assert isinstance(rp.from_pretrained(tmp_path / "look"), rp.VAE)
    line = refused("push", scored, NAME, *look)
    assert "must be a new folder, got one that holds results already" in line
    assert "choose another --folder, or replace them with --overwrite" in line
    assert "scorecard.json" not in os.listdir(tmp_path / "look")
    assert reparam("push", scored, NAME, *look, "--overwrite").status == 0
    assert "scorecard.json" in os.listdir(tmp_path / "look")
    (tmp_path / "look" / "notes.txt").write_text("mine")
    line = refused("push", scored, NAME, *look, "--overwrite")
    assert "holds other files ('notes.txt')" in line
