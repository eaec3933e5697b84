"""Good pictures → a calibration: what each is used for, what is trimmed, and what is kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam.data import DataConfig, image_set_from_arrays
from reparam.errors import ConfigError, DataError, RunError, ShapeError
from reparam.evaluation.anomaly import (
    COMBINATIONS,
    KINDS,
    AnomalyConfig,
    Detector,
    Good,
    GoodPictures,
    Pictures,
    calibrate,
    conformal_p_values,
    good_pictures,
    load_detector,
    other_good_pictures,
    save_calibration,
    score_images,
)
from reparam.evaluation.anomaly.calibration import FENCE, far_out
from reparam.evaluation.anomaly.choosing import ALMOST, Choice
from reparam.evaluation.anomaly.scores import (
    LatentDistance,
    LikelihoodRatio,
    NegativeElbo,
    SquaredError,
)
from reparam.evaluation.anomaly.scores.background import _loaded
from reparam.model import MlpDecoderOptions, MlpEncoderOptions
from reparam.runs import Run, preset_config
from reparam.types import PixelArray

from .conftest import Case, random_pictures, small_model

FAST = AnomalyConfig(scores=(SquaredError(), LatentDistance()))


def smooth_images(n: int, seed: int) -> PixelArray:
    """Slopes of brightness in any direction, 16 × 16: what a small model reconstructs well."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:16j, -1:1:16j]
    a, b = rng.uniform(-0.4, 0.4, (2, n, 1, 1))
    return np.rint(255 * (0.5 + a * x + b * y))[..., None].clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def trained() -> Case:
    """An AE of slopes: a few seconds of training."""
    model, images = small_model((16, 16, 1), latent_dim=2), smooth_images(300, 0)
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(300):
        optimiser.zero_grad()
        (model.reconstruct(x) - x).square().mean().backward()
        optimiser.step()
    return Case(model, Pictures(images, np.arange(300)))


@pytest.fixture(scope="module")
def good(trained: Case) -> GoodPictures:
    images = smooth_images(300, 1)
    return GoodPictures(
        trained.pictures,
        Pictures(images, np.arange(60)),
        Pictures(images, np.arange(60, 300)),
    )


@pytest.mark.parametrize(
    ("areas", "decider"),
    [
        ({"ssim": 0.96, "padim": 0.9, "fisher": 0.951, "harmonic-mean": 0.958}, "fisher"),
        ({"ssim": 0.96, "padim": 0.9, "fisher": 0.92, "harmonic-mean": 0.925}, "fisher"),
        ({"ssim": 0.96, "padim": 0.9, "fisher": 0.94, "harmonic-mean": 0.955}, "harmonic-mean"),
        ({"ssim": 0.96, "padim": 0.97, "fisher": 0.9, "harmonic-mean": 0.91}, "padim"),
        ({"ssim": 0.9, "padim": 0.9, "fisher": 0.96, "harmonic-mean": 0.98}, "harmonic-mean"),
        ({"ssim": 0.96, "ssim-peak": 0.97}, "ssim-peak"),
    ],
)
def test_a_combination_decides_unless_a_score_is_clearly_better(areas, decider):
    """Planted defects are some kinds of many, and a single score may be blind to others."""
    by_kind = {name: {"scratch": area, "noise-blob": area} for name, area in areas.items()}
    assert Choice(by_kind, {}).best() == decider


def test_planted_defects_are_found_and_decide(trained, good):
    """Without an anomaly, the best score finds nearly every defect of every kind, also new ones."""
    said = []
    found = calibrate(trained.model, good, FAST, lambda *step: said.append(step))
    assert found.count == 240
    everything = {"squared-error", "squared-error-peak", "latent-distance", *COMBINATIONS}
    assert set(found.choice.image) == everything
    assert set(found.choice.pixel) == {"squared-error"}
    means = {name: np.mean(list(of.values())) for name, of in found.choice.image.items()}
    assert found.decider in COMBINATIONS
    assert means[found.decider] >= max(means[name] for name in COMBINATIONS) - ALMOST > 0.94
    assert found.map_score == "squared-error"
    assert min(found.choice.pixel["squared-error"].values()) > 0.9
    steps = {what for what, _, _ in said}
    assert steps >= {"held-out good pictures", *(f"planted: {kind}" for kind in KINDS)}

    broken = smooth_images(50, 2)
    broken[:, 4:8, 6:9] = 255 - broken[:, 4:8, 6:9] // 2
    fresh = smooth_images(200, 3)
    detector = Detector(trained.model, found)
    bad = detector.detect(Pictures(broken, np.arange(50)))
    fine = detector.detect(Pictures(fresh, np.arange(200)))
    assert bad.anomalous(0.05).mean() > 0.9
    assert fine.anomalous(0.05).mean() < 0.12
    inside = bad.maps[:, 4:8, 6:9].mean((1, 2))
    assert (inside > bad.maps.mean((1, 2))).mean() > 0.9
    assert bad.order()[0] == np.lexsort((-bad.score, bad.p))[0]


def test_p_values_are_ranks_among_the_held_out_pictures_alone(trained, good):
    config = replace(FAST, decide_by="squared-error")
    found = calibrate(trained.model, good, config)
    assert found.choice.image == {}
    assert tuple(found.columns) == ("squared-error",)
    again = Detector(trained.model, found).detect(good.calibrate, maps=False)
    assert again.maps is None
    assert again.score == pytest.approx(found.columns["squared-error"])
    assert (
        again.p.tolist() == conformal_p_values(found.columns["squared-error"], again.score).tolist()
    )
    assert np.sort(again.p) == pytest.approx((1 + np.arange(1, 241)) / 241)
    others = replace(good, choose=good.choose.only(np.arange(30)))
    same = calibrate(trained.model, others, config)
    assert same.columns["squared-error"].tolist() == found.columns["squared-error"].tolist()


def test_a_calibration_depends_on_its_seed_alone(trained, good):
    one, two = (calibrate(trained.model, good, FAST) for _ in range(2))
    assert one.choice == two.choice
    other = calibrate(trained.model, good, replace(FAST, anomaly_seed=1))
    assert other.choice != one.choice


@pytest.mark.parametrize("decider", ["squared-error", "fisher"])
def test_defects_among_the_good_pictures_are_trimmed_and_named(trained, good, decider):
    images = good.calibrate.images.copy()
    spoilt = [70, 150, 299]
    images[spoilt, 4:12, 4:12] = 255 - images[spoilt, 4:12, 4:12]
    files = tuple(f"{i}.png" for i in range(300))
    mixed = replace(good, calibrate=replace(good.calibrate, images=images, files=files))
    aside = replace(FAST, decide_by=decider, contamination="auto")
    found = calibrate(trained.model, mixed, aside)
    assert set(found.trimmed) >= {f"{i}.png" for i in spoilt}
    assert len(found.trimmed) < 20
    assert set(found.worst[:3]) == {f"{i}.png" for i in spoilt}
    assert found.count == 240 - len(found.trimmed)
    assert found.far_out == found.trimmed
    kept = calibrate(trained.model, mixed, replace(FAST, decide_by=decider))
    assert kept.trimmed == ()
    assert kept.far_out == found.far_out
    assert kept.count == 240
    bad = Detector(trained.model, found).detect(Pictures(images, np.array(spoilt)))
    assert bad.p == pytest.approx(1 / (found.count + 1))


def test_unusual_good_pictures_do_not_add_to_the_false_alarms(trained, good):
    """3 in 100 lie far from the others, and are good: to set them aside would make 5 % into 8 %."""
    images = smooth_images(3000, 5)
    images[::33, 4:12, 4:12] = 255 - images[::33, 4:12, 4:12]
    alarms = []
    for seed in range(8):
        mixed = np.random.default_rng(seed).permutation(len(images))
        given, fresh = Pictures(images, np.sort(mixed[:600])), Pictures(images, mixed[600:])
        config = replace(FAST, decide_by="squared-error")
        known = calibrate(trained.model, replace(good, calibrate=given), config)
        assert 5 < len(known.far_out) < 40
        found = Detector(trained.model, known).detect(fresh, maps=False)
        alarms.append([found.anomalous(rate).mean() for rate in (0.05, 0.01)])
    five, one = np.mean(alarms, axis=0)
    assert 0.04 < five < 0.06
    assert 0.005 < one < 0.015


def test_a_share_is_trimmed_whatever_it_looks_like(trained, good):
    found = calibrate(
        trained.model, good, replace(FAST, decide_by="squared-error", contamination=0.1)
    )
    assert len(found.trimmed) == 24
    assert found.trimmed == found.worst[:20] + found.trimmed[20:]
    share = 24 / 241
    assert found.most_false_alarms(0.01) == pytest.approx(share + 0.01 * (1 - share))


def test_the_rule_of_trimming_and_its_price():
    """Of normal and exponential scores hardly any good one is trimmed; and where all were good,
    false alarms are as rare as the bound says.
    """
    rng, trimmed = np.random.default_rng(0), []
    for draw in (rng.standard_normal, rng.standard_exponential):
        scores = draw((20_000, 1))
        trimmed.append(far_out(scores).mean())
        middle, high = np.quantile(scores, [0.5, 0.9])
        limit = middle + FENCE * (high - middle)
        assert trimmed[-1] == pytest.approx((scores > limit).mean(), abs=2e-4)
    assert trimmed[0] == 0
    assert trimmed[1] < 1 / 2000
    alarms = []
    for _ in range(300):
        good = np.sort(rng.standard_normal(199))[:-10]  # the worst 10 do not count
        alarms.append((conformal_p_values(good, rng.standard_normal(200)) <= 0.05).mean())
    share = 10 / 200
    assert np.mean(alarms) <= share + 0.05 * (1 - share) + 0.004


def test_scores_that_cannot_be_are_left_out_by_name(ae):
    good = GoodPictures(*(random_pictures(30, seed=i) for i in range(3)))
    config = AnomalyConfig(scores=(SquaredError(), NegativeElbo()))
    found = calibrate(ae.model, good, config)
    assert set(found.omitted) == {"elbo"}
    with pytest.raises(ConfigError, match=r"unknown decide_by 'elbo'.*needs a distribution"):
        calibrate(ae.model, good, replace(config, decide_by="elbo"))
    with pytest.raises(ConfigError, match="must be a score for this model, got none: elbo needs"):
        calibrate(ae.model, good, AnomalyConfig(scores=(NegativeElbo(),)))
    nothing = replace(good, calibrate=random_pictures(0))
    with pytest.raises(DataError, match="needs good pictures that were not trained on, got none"):
        calibrate(ae.model, nothing, config)
    detector = Detector(ae.model, found)
    with pytest.raises(ShapeError, match="images must be 12 × 10 × 1"):
        detector.detect(random_pictures(3, (8, 8, 1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": ()}, "scores must be at least one"),
        ({"decide_by": "ssim-pek"}, "unknown decide_by 'ssim-pek'; did you mean ssim-peak"),
        ({"contamination": 0.5}, "contamination must be 0 or more and below 0.5, got 0.5"),
        ({"contamination": float("nan")}, "contamination must be 0 or more"),
        ({"anomaly_seed": -1}, "anomaly_seed must be 0 or more and at most 4294967295, got -1"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ConfigError, match=message):
        AnomalyConfig(**options)


def image_set(n: int, **options: float):
    images = smooth_images(n, 0)
    return image_set_from_arrays(images, None, name="slopes", config=DataConfig(**options))


def test_no_picture_has_two_uses():
    for images in (image_set(200), image_set(60, valid_fraction=0.0), image_set(90)):
        good = good_pictures(images)
        parts = [good.train.index, good.choose.index, good.calibrate.index]
        assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts)) == len(images)
        assert all(map(len, parts))
        assert set(good.calibrate.index) <= set(images.splits["test"])
        assert set(good.train.index) == set(images.splits["train"])
    with pytest.raises(DataError, match=r"slopes: good pictures must be held out.*--test-fraction"):
        good_pictures(image_set(50, test_fraction=0.0))


def test_other_good_pictures_are_split_without_those_that_were_trained_on():
    train, new = smooth_images(30, 0), smooth_images(45, 1)
    mixed = np.concatenate([train[:9], new])
    given, known = Pictures(mixed, np.arange(54)), Pictures(train, np.arange(30))
    found = other_good_pictures(given, known)
    assert found.train is known
    both = np.concatenate([found.choose.index, found.calibrate.index])
    assert sorted(both) == list(range(9, 54))
    assert len(found.choose) == 15
    alone = other_good_pictures(given, None)
    parts = [alone.train.index, alone.choose.index, alone.calibrate.index]
    assert sorted(np.concatenate(parts)) == list(range(54))
    assert [len(part) for part in parts] == [18, 18, 18]
    with pytest.raises(DataError, match=r"at least 6 good pictures .* got 0, beside 9 that were"):
        other_good_pictures(given.only(np.arange(9)), known)
    with pytest.raises(DataError, match=r"at least 9 good pictures .* got 5"):
        other_good_pictures(given.only(np.arange(5)), None)


@pytest.fixture
def run(trained, tmp_path) -> Run:
    """A run folder with these weights."""
    config = preset_config("vae")
    parts = {"encoder": MlpEncoderOptions((16,)), "decoder": MlpDecoderOptions((16,))}
    config = replace(config, model=replace(config.model, latent_dim=2, **parts))
    made = Run.create(tmp_path / "run", config, image_set(60), command="test", overwrite=False)
    made.save_model(trained.model, epoch=1)
    return made


@pytest.mark.parametrize("decider", ["auto", "harmonic-mean"])
def test_a_calibration_survives_the_disk_to_the_last_bit(trained, good, run, decider):
    known = calibrate(trained.model, good, replace(FAST, decide_by=decider))
    save_calibration(run, known)
    detector = load_detector(run)
    again = detector.calibration
    assert again.config == known.config
    assert (again.decider, again.choice, again.heat) == (known.decider, known.choice, known.heat)
    assert (again.worst, again.far_out) == (known.worst, known.far_out)
    assert (again.worst_images == known.worst_images).all()
    pictures = Pictures(smooth_images(20, 9), np.arange(20))
    one, two = Detector(trained.model, known).detect(pictures), detector.detect(pictures)
    assert one.p.tolist() == two.p.tolist()
    assert one.score.tolist() == two.score.tolist()
    assert one.maps.tolist() == two.maps.tolist()


def test_a_calibration_of_other_weights_is_refused(trained, good, run):
    with pytest.raises(RunError, match=r"has no calibration.*reparam anomaly calibrate"):
        load_detector(run)
    save_calibration(run, calibrate(trained.model, good, FAST))
    load_detector(run)
    with torch.no_grad():
        changed = small_model((16, 16, 1), latent_dim=2)
        changed.load_state_dict(trained.model.state_dict())
        next(changed.parameters()).add_(1e-3)
    run.save_model(changed, epoch=1)
    with pytest.raises(RunError, match=r"a calibration of other ones.*--overwrite"):
        load_detector(run)
    run.save_model(trained.model, epoch=1)
    load_detector(run)


def test_a_calibration_finds_its_background_model_from_any_folder(
    trained, good, run, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(run.path.parent)
    score = LikelihoodRatio(background=Path(run.path.name))
    config = AnomalyConfig((score,), decide_by="likelihood-ratio")
    save_calibration(run, calibrate(trained.model, good, config))
    monkeypatch.chdir(tmp_path)
    load_detector(Run.open(run.path.absolute())).detect(Pictures(smooth_images(3, 5), np.arange(3)))


def test_the_likelihood_ratio_is_that_of_two_models(trained, good, run):
    """Of a model against itself it is 0; of two, the difference of their ELBOs."""
    score = LikelihoodRatio(background=run.path)
    pictures = Pictures(smooth_images(9, 5), np.arange(9))
    assert score.lacking(trained.model) == ""
    fitted = score.fit(Good(trained.model, good.train))
    assert score_images(trained.model, pictures, score, fitted).image == pytest.approx(0, abs=1e-6)
    other = small_model((16, 16, 1), latent_dim=3)
    found = score_images(other, pictures, score, fitted).image
    one, two = (score_images(m, pictures, NegativeElbo()).image for m in (other, trained.model))
    assert found == pytest.approx(one - two, rel=1e-6)
    assert "of this size" in score.lacking(small_model())
    known = calibrate(other, good, AnomalyConfig((score,), decide_by="likelihood-ratio"))
    save_calibration(run, known)
    assert load_detector(run).calibration.config.scores == (score,)
    run.save_model(small_model((16, 16, 1), latent_dim=2), epoch=1)
    _loaded.cache_clear()
    with pytest.raises(RunError, match="must be the background model of the calibration"):
        Detector(other, known).detect(pictures)


def test_damage_is_refused_by_name(trained, good, run):
    save_calibration(run, calibrate(trained.model, good, FAST))
    file, tensors = run.path / "anomaly.json", run.path / "anomaly.safetensors"
    text, whole = file.read_text(), tensors.read_bytes()
    for content in (text[:100], text.replace("squared-error", "squared-terror"), "{}"):
        file.write_text(content)
        with pytest.raises(RunError, match=r"anomaly\.json.*Fix: "):
            load_detector(run)
    file.write_text(text)
    for content in (whole[:100], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        tensors.write_bytes(content)
        with pytest.raises(RunError, match=r"anomaly\.safetensors.*Fix: "):
            load_detector(run)
    tensors.write_bytes(whole)
    save_calibration(run, calibrate(trained.model, good, replace(FAST, anomaly_seed=3)))
    tensors.write_bytes(whole)  # of the earlier one
    with pytest.raises(RunError, match=r"does not belong to anomaly\.json"):
        load_detector(run)
