"""reparam anomaly on small runs: from good pictures to verdicts, and what can go wrong."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from PIL import Image

from reparam import registry
from reparam.evaluation import ANOMALY_SCORES, DEFECT_KINDS, load_detector
from reparam.features import FEATURES as FEATURES_OF
from reparam.runs import Run, to_mapping

from .conftest import shapes, train_tiny

FAST = ("--scores", "squared-error", "latent-distance")
CALM = ("--false-alarms", "0.1", "--quiet")


def write(folder: Path, images: np.ndarray, name: str = "{:03}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / name.format(i))
    return folder


def spoilt(images: np.ndarray) -> np.ndarray:
    """With a bright square in a corner, where good pictures have none."""
    images = images.copy()
    images[:, 8:12, 8:12] = 255
    return images


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("pictures") / "good", shapes(150)[0])


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As anomalib lays them out: 20 good ones, and 15 of one kind of defect with masks."""
    folder = tmp_path_factory.mktemp("new")
    write(folder / "test/good", shapes(20, seed=2)[0])
    write(folder / "test/square", spoilt(shapes(15, seed=3)[0]), "<b>{:03}.png")
    mask = np.zeros((15, 12, 12), np.uint8)
    mask[:, 8:12, 8:12] = 255
    write(folder / "ground_truth/square", mask, "<b>{:03}_mask.png")
    return folder


@pytest.fixture(scope="session")
def trained(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(good, tmp_path_factory.mktemp("runs") / "good", "vae", "--epochs", "12")


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def detector(run: Path, reparam) -> Path:
    assert reparam("anomaly", "calibrate", run, *FAST, "--quiet").status == 0
    return run


def test_fit_trains_and_calibrates(reparam, good, new, tmp_path) -> None:
    out = tmp_path / "run"
    small = ("--recipe", "quick", "--epochs", 2, "--precision", "float32", "--sample-every", 0)
    said = reparam("anomaly", "fit", "--out", out, *small, *FAST, "--quiet", good)
    assert said.status == 0, said.err
    assert "AUROC of planted defects in 22 good pictures" in said.out
    assert "decides: " in said.out
    assert said.out.splitlines()[-1] == str(out / "anomaly.json")
    run = Run.open(out)
    assert run.is_finished
    assert load_detector(run).calibration.count <= len(run.images().splits["test"])
    unusual = said.err.partition("the most unusual of them: ")[2].splitlines()[0].split(", ")
    assert tuple(unusual) == load_detector(run).calibration.worst[:5]
    again = reparam("anomaly", "fit", good, "--out", out, *small, *FAST)
    assert again.status == 2
    assert "holds a run already" in again.err
    more = (*small, *FAST, "--decide-by", "fisher", "--quiet", "--overwrite")
    said = reparam("anomaly", "fit", good, "--out", out, *more)
    assert "decides: fisher" in said.out


COMMAND = """
import signal, sys
from reparam.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
sys.exit(main())
"""


@pytest.mark.parametrize(
    "during", [pytest.param("training", marks=pytest.mark.slow), "calibrating"]
)
def test_ctrl_c_says_what_is_left_to_do(during, reparam, good, tmp_path) -> None:
    """A real process, a real SIGINT; the line that it ends with works."""
    out = tmp_path / "run"
    epochs = {"training": "10", "calibrating": "2"}[during]
    small = ("--recipe", "quick", "--epochs", epochs, "--sample-every", "0", "--batch-size", "4")
    words = ("anomaly", "fit", str(good), "--out", str(out), *small, *FAST)
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        sign = {"training": "epoch 1/", "calibrating": "calibrating"}[during]
        said = next(line for line in process.stderr if sign in line)
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    line = said.splitlines()[-1].partition("Continue with: ")[2]
    calibrate = shlex.join(["reparam", "anomaly", "calibrate", str(out), *FAST])
    begun = {"training": f"reparam resume {out} && ", "calibrating": ""}
    assert line == begun[during] + calibrate
    for words in line.split(" && "):
        assert reparam(*shlex.split(words)[1:]).status == 0
    assert (out / "anomaly.json").exists()


def test_good_pictures_that_were_trained_on_are_told(
    reparam, detector, new, good, tmp_path
) -> None:
    said = reparam("anomaly", "test", detector, new, *CALM)
    assert "warning" not in said.err
    copy = Path(shutil.copytree(new, tmp_path / "new"))
    for i, file in enumerate(sorted(good.iterdir())[:7]):
        shutil.copy(file, copy / "test/good" / f"again-{i}.png")
    said = reparam("anomaly", "test", detector, copy, *CALM)
    assert said.status == 0, said.err
    assert "warning: 7 of 27 good pictures in" in said.err


def test_too_few_held_out_pictures_to_choose_and_calibrate(reparam, tmp_path) -> None:
    few = write(tmp_path / "few", shapes(24)[0])
    split = ("--test-fraction", "0.05", "--valid-fraction", "0")
    run = train_tiny(few, tmp_path / "run", "ae", *split)
    said = reparam("anomaly", "calibrate", run, *FAST, "--quiet")
    assert said.status == 2
    assert "at least 3 good pictures must be held out" in said.err
    others = write(tmp_path / "others", shapes(60, seed=7)[0])  # of its own none is needed then
    said = reparam("anomaly", "calibrate", run, others, *FAST, "--quiet")
    assert said.status == 0, said.err


def test_the_recipe_is_that_of_pictures_unless_another_is_named(reparam, good, tmp_path) -> None:
    for more, encoder in (((), "residual"), (("--recipe", "quick"), "convolutional")):
        words = ("anomaly", "fit", good, "--out", tmp_path / "r", "--dry-run", "--quiet", *more)
        said = reparam(*words)
        assert json.loads(said.out)["model"]["encoder"]["type"] == encoder
    assert not (tmp_path / "r").exists()


def test_a_configuration_file_wins_over_the_recipe(reparam, good, run, tmp_path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("latent_dim = 5\nepochs = 3\n")
    fit = ("anomaly", "fit", good, "--dry-run", "--quiet", "--config")
    config = json.loads(reparam(*fit, file).out)
    assert config["model"]["encoder"]["type"] == "residual"
    assert (config["model"]["latent_dim"], config["training"]["epochs"]) == (5, 3)
    again, was = json.loads(reparam(*fit, run / "config.json").out), Run.open(run).config
    assert again["model"] == to_mapping(was)["model"]
    assert again["training"]["epochs"] == was.training.epochs


def test_options_of_other_scores_reach_them(reparam, run) -> None:
    words = ("--scores", "latent-neighbours", "--latent-neighbours-count", 2)
    said = reparam("anomaly", "calibrate", run, *words, "--quiet")
    assert said.status == 0, said.err
    (score,) = load_detector(Run.open(run)).calibration.config.scores
    assert (score.type, score.count) == ("latent-neighbours", 2)


PLUGIN = """
from dataclasses import dataclass

import reparam as rp


@rp.ANOMALY_SCORES.register("brightness")
@dataclass(frozen=True)
class Brightness(rp.AnomalyScore):
    '''How bright it is.'''

    power: float = 1.0
    '''Of each pixel.'''

    def __call__(self, seen, fitted):
        maps = seen.images.mean(1) ** self.power
        return maps.mean((1, 2)), maps
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A file that registers a score, which is forgotten after the test."""
    members, loaded = dict(ANOMALY_SCORES._members), dict(registry._loaded)
    file = tmp_path / "bright.py"
    file.write_text(PLUGIN)
    yield file
    for held, before in ((ANOMALY_SCORES._members, members), (registry._loaded, loaded)):
        held.clear()
        held.update(before)


def test_a_score_from_outside_decides(reparam, run, new, plugin, tmp_path) -> None:
    own = ("--plugin", plugin, "--scores", "brightness", "--brightness-power", 2)
    own = (*own, "--decide-by", "brightness")
    said = reparam("anomaly", "calibrate", run, *own, "--quiet")
    assert said.status == 0, said.err
    words = ("anomaly", "score", run, new / "test", "--plugin", plugin, "--out", tmp_path / "out")
    assert reparam(*words, *CALM).status == 0
    table = pd.read_csv(tmp_path / "out" / "verdicts.csv")
    pixels = np.asarray(Image.open(new / "test" / table["file"][30])) / 255
    assert table["brightness"][30] == pytest.approx((pixels**2).mean(), rel=1e-5)
    assert (table["verdict"][20:] == "anomalous").mean() > 0.8


FEATURES = """
from dataclasses import dataclass

import reparam as rp
import torch


@rp.FEATURES.register("edges")
@dataclass(frozen=True)
class EdgesOptions(rp.FeatureOptions):
    '''Two layers with random weights.'''

    def build(self):
        return Edges()


class Edges(rp.FeatureMaps):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.second = torch.nn.Conv2d(8, 16, 3, stride=2, padding=1)

    def maps(self, images):
        images = self.first(images).relu()
        yield images
        yield self.second(images).relu()
"""


@pytest.fixture
def features(tmp_path: Path) -> Iterator[Path]:
    """A file that registers a network, which is forgotten after the test."""
    members, loaded = dict(FEATURES_OF._members), dict(registry._loaded)
    file = tmp_path / "edges.py"
    file.write_text(FEATURES)
    yield file
    for held, before in ((FEATURES_OF._members, members), (registry._loaded, loaded)):
        held.clear()
        held.update(before)


@pytest.mark.parametrize("score", ["feature-neighbours", "padim", "patchcore"])
def test_scores_of_deep_features_through_every_command(
    reparam, run, new, features, tmp_path, score
) -> None:
    """With a network of the user's; the exported detector says what the table says."""
    plugin = ("--plugin", features)
    own = ("--scores", score, f"--{score}-network", "edges", "--decide-by", score)
    said = reparam("anomaly", "calibrate", run, *plugin, *own, "--quiet")
    assert said.status == 0, said.err
    out = tmp_path / "out"
    said = reparam("anomaly", "score", run, new / "test", *plugin, "--out", out, *CALM)
    assert said.status == 0, said.err
    assert (out / "maps").exists() == (score != "feature-neighbours")
    table = pd.read_csv(out / "verdicts.csv")
    assert (table["score"] == table[score]).all()
    assert (table["verdict"][20:] == "anomalous").mean() > 0.9  # the bright squares
    assert (table["verdict"][:20] == "anomalous").mean() < 0.4
    said = reparam("anomaly", "test", run, new, *plugin, "--json", *CALM)
    assert json.loads(said.out)["square"]["image_auroc"]["value"] > 0.9

    file = tmp_path / "detector.onnx"
    words = ("export", run, "--anomaly", file, "--false-alarms", "0.1", *plugin)
    said = reparam(*words)
    assert said.status == 0, said.err
    assert said.out == f"{file}\n"
    assert "exists already" in reparam(*words).err
    x = np.stack([np.asarray(Image.open(new / "test" / name)) for name in table["file"]])
    session = onnxruntime.InferenceSession(file)
    value, p, bad, *_ = session.run(None, {"images": x[:, None].astype(np.float32) / 255})
    np.testing.assert_allclose(value, table["score"], rtol=1e-4)
    np.testing.assert_allclose(p, table["p_value"], atol=1e-6)
    assert bad.tolist() == (table["verdict"] == "anomalous").tolist()


def test_features_that_are_not_installed_are_named(refused, reparam, run, new, monkeypatch) -> None:
    from reparam import extras
    from reparam.features import base

    monkeypatch.setattr(base, "_built", base._built.__wrapped__)  # none is kept from before
    there = extras.is_installed
    monkeypatch.setattr(
        extras, "is_installed", lambda name: "efficientnet" not in name and there(name)
    )
    install = "not installed. Fix: pip install 'reparam[perceptual]'"
    said = refused("anomaly", "calibrate", run, "--scores", "patchcore", "--quiet")
    assert "there must be a score for this model, got none: patchcore needs the network" in said
    assert install in said
    words = ("--scores", "squared-error", "padim", "patchcore", "--quiet")
    said = reparam("anomaly", "calibrate", run, *words)
    assert said.status == 0, said.err
    (line,) = [line for line in said.out.splitlines() if line.startswith("left out: ")]
    assert line.startswith("left out: padim, patchcore: needs the network imagenet")
    assert install in line


def test_verdicts_maps_and_page(reparam, detector, new, tmp_path) -> None:
    out = tmp_path / "verdicts"
    said = reparam("anomaly", "score", detector, new / "test", "--out", out, *CALM)
    assert said.status == 0, said.err
    table = pd.read_csv(out / "verdicts.csv")
    assert len(table) == 35
    bad = table["file"].str.startswith("square/")
    found = load_detector(Run.open(detector))
    assert (table["verdict"] == np.where(table["p_value"] <= 0.1, "anomalous", "good")).all()
    assert (table["verdict"][bad] == "anomalous").mean() > 0.9
    assert (table["verdict"][~bad] == "anomalous").mean() < 0.4
    assert table["p_value"].min() >= 1 / (found.calibration.count + 1)
    assert {path.name for path in (out / "maps").iterdir()} == set(table["picture"])
    assert Image.open(out / "maps" / table["picture"][0]).size == (12, 12)

    page = (out / "report.html").read_text()
    names = re.findall(r'<span title="([^"]*)">', page)
    assert names[0].startswith("square/&lt;b&gt;")  # the most anomalous first, and escaped
    assert "<b>0" not in page.split("<h2>How this")[0].split("Why ")[0]
    assert "http" not in re.sub(r"data:[^\"]*", "", page)
    assert "Are these really good?" in page
    assert f"{(table['verdict'] == 'anomalous').sum()} of 35 pictures are anomalous" in said.out


def test_the_page_in_korean_and_without_maps(reparam, detector, new, tmp_path) -> None:
    out = tmp_path / "verdicts"
    words = ("--out", out, "--lang", "ko", "--no-maps", *CALM)
    assert reparam("anomaly", "score", detector, new / "test", *words).status == 0
    page = (out / "report.html").read_text()
    assert "이 사진들은 정말 정상인가요?" in page
    kinds = ("옮겨 붙인 조각", "잡음 얼룩", "긁힌 자국", "사라진 부분")
    assert all(f"<th>{kind}</th>" in page for kind in kinds)
    assert not any(f"<th>{kind}</th>" in page for kind in DEFECT_KINDS)
    assert not (out / "maps").exists()


def test_results_are_replaced_only_when_asked(reparam, refused, detector, new, tmp_path) -> None:
    out = tmp_path / "verdicts"
    words = ("anomaly", "score", detector, new / "test", "--out", out, *CALM)
    assert reparam(*words).status == 0
    assert "holds results already" in refused(*words)
    assert reparam(*words, "--overwrite").status == 0
    (out / "mine.txt").write_text("")
    assert "holds other files ('mine.txt')" in refused(*words, "--overwrite")
    assert "was calibrated already" in refused("anomaly", "calibrate", detector, *FAST)
    assert reparam("anomaly", "calibrate", detector, *FAST, "--quiet", "--overwrite").status == 0


def test_figures_by_kind(reparam, detector, new) -> None:
    said = reparam("anomaly", "test", detector, new, "--json", *CALM)
    assert said.status == 0, said.err
    found = json.loads(said.out)
    assert set(found) == {"all", "square"}
    assert found["square"]["image_auroc"]["value"] > 0.9
    assert found["square"]["pixel_auroc"]["value"] > 0.9
    assert found["square"]["image_auroc"]["low"] < found["square"]["image_auroc"]["value"]
    said = reparam("anomaly", "test", detector, new, *CALM)
    assert "good pictures that are called anomalous" in said.out


def test_training_further_makes_a_calibration_stale(reparam, refused, detector, new) -> None:
    assert reparam("resume", detector, "--epochs", "14", "--quiet").status == 0
    said = refused("anomaly", "score", detector, new / "test", *CALM)
    assert "a calibration of other ones" in said
    words = ("anomaly", "calibrate", detector, *FAST, "--quiet", "--overwrite")
    assert reparam(*words).status == 0
    assert reparam("anomaly", "score", detector, new / "test", *CALM).status == 0


def test_other_good_pictures_calibrate(reparam, run, good, new, tmp_path) -> None:
    others = write(tmp_path / "others", shapes(60, seed=7)[0])
    said = reparam("anomaly", "calibrate", run, others, *FAST, "--quiet")
    assert said.status == 0, said.err
    assert load_detector(Run.open(run)).calibration.count + 0 <= 40
    # Of the pictures that it was trained on only those count that it has not seen.
    said = reparam("anomaly", "calibrate", run, good, *FAST, "--quiet", "--overwrite")
    own = Run.open(run).images().splits
    assert load_detector(Run.open(run)).calibration.count <= len(own["test"])
    copy = shutil.copytree(good, tmp_path / "copy")
    said = reparam("anomaly", "calibrate", run, copy, *FAST, "--quiet", "--overwrite")
    seen = len(own["train"])
    assert load_detector(Run.open(run)).calibration.count <= 150 - seen


def test_few_good_pictures_have_a_rate_that_they_can_tell(reparam, detector, new, tmp_path) -> None:
    """The default is no error: it says which rate it is, and what a lower one needs."""
    count = load_detector(Run.open(detector)).calibration.count
    assert count < 99
    said = reparam("anomaly", "score", detector, new / "test", "--out", tmp_path / "out", "--quiet")
    assert said.status == 0, said.err
    assert f"false alarms: {1 / (count + 1):.2g} of the good pictures" in said.err
    assert "(0.01 needs 99)" in said.err
    assert "--test-fraction" in said.err
    assert shlex.split(said.err.partition("For fewer: ")[2])[:4] == [
        "reparam",
        "anomaly",
        "calibrate",
        str(detector),
    ]
    table = pd.read_csv(tmp_path / "out" / "verdicts.csv")
    called = table["verdict"] == "anomalous"
    assert called.equals(table["p_value"] <= 1 / (count + 1) + 1e-9)
    assert called.any()


def test_what_cannot_be(refused, reparam, detector, run, good, new, shapes_file, tmp_path) -> None:
    score = ("anomaly", "score", detector)
    assert "unknown step of reparam anomaly 'scor'; did you mean score?" in refused(
        "anomaly", "scor"
    )
    assert "DATA must be given" in refused(*score)
    assert "a rate of 0.01 false alarms needs 99 held-out good pictures" in refused(
        *score, new / "test", "--false-alarms", "0.01"
    )
    assert "false_alarms must be above 0 and below 1" in refused(
        *score, new / "test", "--false-alarms", "2"
    )
    (run.parent / "empty").mkdir()
    empty = ("anomaly", "fit", run.parent / "empty", "--out", tmp_path / "r")
    assert "Fix: " in refused(*empty)
    none = ("anomaly", "fit", good, "--out", tmp_path / "r", "--test-fraction", "0", "--quiet")
    assert "good pictures must be held out" in refused(*none)
    assert "unknown decide_by 'elob'" in refused("anomaly", "fit", good, "--decide-by", "elob")
    assert "unknown option '--contaminaton'; did you mean --contamination" in refused(
        "anomaly", "calibrate", run, "--contaminaton", "0"
    )
    assert not (tmp_path / "r").exists()


def test_pictures_of_another_size_are_refused(refused, reparam, detector, tmp_path) -> None:
    large = write(tmp_path / "large", shapes(3, size=14)[0])
    said = refused_last(reparam, "anomaly", "score", detector, large, *CALM)
    assert (
        "pictures must be 12 × 12, as the good ones, got 3 others (as '000.png', 14 × 14)" in said
    )
    calibrate = ("anomaly", "calibrate", detector, large, "--overwrite", *FAST)
    assert "got 3 others" in refused_last(reparam, *calibrate)
    assert "got 3 others" not in reparam(*calibrate, "--image-size", "12").err
    sized = ("--image-size", "12", "--out", tmp_path / "out")
    assert reparam("anomaly", "score", detector, large, *sized, *CALM).status == 0
    colour = np.repeat(shapes(3)[0][..., None], 3, 3)
    np.savez(tmp_path / "colour.npz", images=colour)
    said = refused_last(reparam, "anomaly", "score", detector, tmp_path / "colour.npz", *CALM)
    assert "images must be 12 × 12 × 1" in said


def test_test_folders_that_are_refused(reparam, detector, new, tmp_path) -> None:
    copy = shutil.copytree(new, tmp_path / "new")
    (copy / "test/empty").mkdir()
    said = refused_last(reparam, "anomaly", "test", detector, copy, *CALM)
    assert "test/empty: a folder of test pictures needs pictures, got none" in said
    (copy / "test/empty").rmdir()
    write(copy / "ground_truth/square", np.zeros((1, 5, 5), np.uint8), "<b>000_mask.png")
    said = refused_last(reparam, "anomaly", "test", detector, copy, *CALM)
    assert "a mask must have its picture's size" in said
    shutil.rmtree(copy / "test/good")
    said = refused_last(reparam, "anomaly", "test", detector, copy, *CALM)
    assert "need a folder 'good'" in said
    large = write(tmp_path / "large/good", shapes(3, size=14)[0]).parent
    write(large / "bad", shapes(3, size=14)[0])
    said = refused_last(reparam, "anomaly", "test", detector, large, *CALM)
    assert "images must be 12 × 12" in said


def refused_last(reparam, *words: object) -> str:
    """The last line of a command that says what it reads, and then refuses."""
    said = reparam(*words)
    assert said.status == 2, said
    assert said.out == ""
    last = said.err.splitlines()[-1]
    assert last.startswith("reparam: error: ")
    return last


@pytest.mark.parametrize("masks", [False, True])
def test_a_whole_set_in_mvtecs_layout_is_not_taken_for_good(reparam, tmp_path, masks) -> None:
    """Before anything is trained: else it would calibrate on defects, or learn from their masks."""
    write(tmp_path / "set" / "train" / "good", shapes(40)[0])
    write(tmp_path / "set" / "test" / "good", shapes(9, seed=1)[0])
    write(tmp_path / "set" / "test" / "line", shapes(9, seed=2)[0])
    if masks:
        write(tmp_path / "set" / "ground_truth" / "line", shapes(9, seed=2)[0])
    out = tmp_path / "run"
    said = reparam("anomaly", "fit", tmp_path / "set", "--epochs", "1", "--out", out, "--quiet")
    assert said.status == 2
    what = "all pictures must be good ones, got the class line, of which none is for training"
    beside = "pictures must be those to train on, got masks (ground_truth) beside them"
    assert (beside if masks else what) in said.err
    assert not out.exists()


HOLD = """
import sys
from pathlib import Path
from reparam.runs import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_that_is_being_written_is_not_calibrated(reparam, run, good) -> None:
    """By another process: said before the work, which could not be kept."""
    words = [sys.executable, "-c", HOLD, str(run)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        said = reparam("anomaly", "calibrate", run, good, *FAST, "--overwrite")
    assert said.status == 2
    assert "is writing this run. Fix: " in said.err
    assert "calibrating" not in said.err
