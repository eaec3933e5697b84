import copy
import inspect
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

from reparam import AE, VAE, DenoisingAE, ImageSet, load
from reparam.data import DataConfig, image_set_from_arrays
from reparam.errors import ConfigError, DataError, DataRangeError, RunError, ShapeError
from reparam.estimators import whole
from reparam.evaluation import reconstruct
from reparam.model import (
    BernoulliLikelihoodOptions,
    ConvolutionalEncoderOptions,
    GaussianLikelihoodOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    build_autoencoder,
)
from reparam.objective import Elbo
from reparam.runs import PRESETS, Run, options_of, preset_config
from reparam.training import train

SMALL: dict[str, Any] = {
    "encoder_filters": (8, 8),
    "encoder_kernels": (3, 3),
    "encoder_strides": (2, 2),
    "decoder_filters": (8,),
    "decoder_kernels": (3, 3),
    "decoder_strides": (2, 2),
    "epochs": 2,
    "batch_size": 16,
    "precision": "float32",
    "device": "cpu",
}


def bars(n: int = 60, height: int = 12, width: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, height, width) of a bright row (label 0) or column (1) at a random place."""
    rng = np.random.default_rng(0)
    images = np.zeros((n, height, width), np.uint8)
    labels = np.arange(n) % 2
    for image, label in zip(images, labels, strict=True):
        if label:
            image[:, rng.integers(width)] = 255
        else:
            image[rng.integers(height)] = 255
    return images, labels


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(**SMALL).fit(*bars())


def test_refined_reconstructions_are_closer(fitted: VAE) -> None:
    X = bars()[0]
    plain, close = fitted.reconstruct(X), fitted.reconstruct(X, refine=10)
    assert plain.shape == close.shape
    assert np.square(close - X / 255).mean() < np.square(plain - X / 255).mean()
    with pytest.raises(ConfigError, match="refine must be"):
        fitted.reconstruct(X, refine=-1)


@pytest.mark.parametrize("prior", ["gaussian", "mixture"])
def test_samples_come_from_a_prior_that_was_fitted(fitted: VAE, prior: Any) -> None:
    """The networks stay as they are, and so does torch's global random state."""
    estimator, images = copy.deepcopy(fitted), bars()[0]
    before, state = estimator.transform(images), torch.get_rng_state()
    assert estimator.fit_prior(images, prior) is estimator
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(estimator.transform(images), before)
    assert estimator.model_.prior.kind == prior
    assert (estimator.sample(5) != fitted.sample(5)).any()
    np.testing.assert_array_equal(estimator.sample(5, seed=2), estimator.sample(5, seed=2))
    with pytest.raises(DataError, match="at least 20 latents"):
        estimator.fit_prior(images[:5])


TRAINING = {k: v for k, v in SMALL.items() if not k.startswith(("encoder", "decoder"))}


def test_a_prior_fitted_when_training_ends_is_what_is_drawn_from(tmp_path: Path) -> None:
    """Also in what is saved; the prior of training is kept beside it."""
    images, _ = bars()
    estimator = VAE(**SMALL, fitted_prior="gaussian").fit(images)
    assert estimator.model_.prior.kind == "gaussian"
    assert estimator.trained_prior_.kind == "standard-normal"
    estimator.save_pretrained(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.model_.prior.kind == "gaussian"
    np.testing.assert_array_equal(again.sample(3), estimator.sample(3)[..., None])


def test_free_bits_have_no_part_in_the_score_under_another_prior() -> None:
    """They change what is minimised, and the score is the evidence lower bound."""
    images, _ = bars()
    estimator = VAE(**SMALL, free_bits=0.1).fit(images).fit_prior(images, "gaussian")
    score = estimator.score(images)
    estimator.config_ = replace(estimator.config_, objective=Elbo())
    assert score == estimator.score(images)


def test_a_density_by_volume_is_not_compared_with_one_by_area() -> None:
    images, _ = bars()
    on_sphere = {"posterior": "von-mises-fisher", "prior": "sphere", "latent_dim": 3}
    estimator = VAE(**SMALL, **on_sphere).fit(images)
    assert np.isfinite(estimator.score(images))
    assert np.isfinite(estimator.log_likelihood(images, samples=5)).all()
    estimator.fit_prior(images, "gaussian")
    assert estimator.sample(2).shape == (2, 12, 10)
    for ask in (estimator.score, estimator.score_samples, estimator.log_likelihood):
        with pytest.raises(ConfigError, match=r"prior must be a density on the sphere.*Fix: "):
            ask(images)


@pytest.mark.parametrize(
    ("whole", "option"),
    [
        ({"likelihood": GaussianLikelihoodOptions(weight="auto")}, {"beta": 2.0}),
        ({"likelihood": GaussianLikelihoodOptions()}, {"target_mse": 0.1}),
        ({"likelihood": GaussianLikelihoodOptions(sigma=0.1)}, {"weight": 3.0}),
        ({"objective": Elbo()}, {"free_bits": 0.5}),
        ({"encoder": ConvolutionalEncoderOptions()}, {"dropout": 0.5}),
        ({"encoder": ConvolutionalEncoderOptions()}, {"encoder_dropout": 0.5, "dropout": 0.1}),
    ],
)
def test_an_option_wins_over_its_part_given_whole(whole: dict, option: dict) -> None:
    """Also in a grid search, which sets it afterwards."""
    config = VAE(**whole).set_params(**option).run_config()
    assert config == VAE(**whole, **option).run_config()
    found = {o.name: o.default for o in options_of(config).values()}
    name, value = next(iter(option.items()))
    assert found.get(name, found.get(f"encoder_{name}")) == value


def test_parts_are_options() -> None:
    """An MLP with a Bernoulli likelihood: pixels come out, not logits."""
    images, labels = bars()
    mlp = {"encoder": {"type": "mlp", "widths": (12,)}, "decoder": MlpDecoderOptions(widths=(12,))}
    vae = VAE(**TRAINING, **mlp, likelihood="bernoulli", binarise="dynamic").fit(images, labels)
    again = vae.reconstruct(images)
    assert 0 <= again.min() <= again.max() <= 1
    assert vae.score(images) < 0
    model = vae.config_.model
    assert model.encoder == MlpEncoderOptions(widths=(12,))
    assert model.decoder == MlpDecoderOptions(widths=(12,))
    assert model.likelihood == BernoulliLikelihoodOptions()
    assert clone(vae).run_config() == vae.run_config()


def test_a_part_may_be_a_name_a_mapping_or_its_dataclass() -> None:
    named = VAE(encoder="mlp").run_config()
    assert named == VAE(encoder={"type": "mlp"}).run_config()
    assert named == VAE(encoder=MlpEncoderOptions()).run_config()
    sized = VAE(encoder={"type": "mlp", "widths": [9, 9]}).run_config()
    assert sized == VAE(encoder=MlpEncoderOptions(widths=(9, 9))).run_config()
    both = AE(dropout=0.5, decoder_dropout=0.25).run_config().model
    assert (both.encoder.dropout, both.decoder.dropout) == (0.5, 0.25)
    with pytest.raises(ConfigError, match="unknown encoder 'mpl'; did you mean mlp"):
        VAE(encoder="mpl").run_config()
    with pytest.raises(ConfigError, match="must be of kind encoder, got MlpDecoderOptions"):
        VAE(encoder=MlpDecoderOptions()).run_config()


def test_an_option_of_another_part_is_told_with_the_mapping_that_has_it() -> None:
    with pytest.raises(ConfigError, match="'prior_components' must be given with its prior") as e:
        VAE(prior="mixture", prior_components=3)
    fix = str(e.value).partition("Fix: ")[2]
    assert fix == "prior={'type': 'mixture', 'components': VALUE}"
    mapping = {"type": "mixture", "components": 3}
    assert VAE(prior=mapping).run_config().model.prior.components == 3
    with pytest.raises(ConfigError, match=r"Fix: terms=\[\{'type': 'mmd', 'weight': VALUE\}\]"):
        VAE(mmd_weight=2.0)
    (term,) = VAE(terms=[{"type": "mmd", "weight": 2.0}]).run_config().terms
    assert term.weight == 2.0


@pytest.mark.parametrize("kind", [AE, VAE, DenoisingAE])
def test_the_signature_is_the_configuration(kind: type) -> None:
    """No second list of options: each is there, with the preset's value as its default."""
    parameters = inspect.signature(kind).parameters
    options = options_of(preset_config(kind.preset))  # type: ignore[attr-defined]
    left_out = {"preset"} | {o.name for o in options.values() if o.path[0] == "data"}
    offered = {o.name for o in options.values()} - left_out | {"valid_fraction"}
    for name in offered:
        assert parameters[name].default == options[name].default
    own = {"image_shape", "pixel_range", "out", "quiet"}
    both = {"filters", "strides", "batch_norm", "dropout", "leaky_slope", "order"}
    assert set(parameters) == offered | own | both
    assert set(kind().get_params()) == set(parameters)


def test_columns_in_another_order_are_refused() -> None:
    """As scikit-learn's own estimators do: they would be scrambled images."""
    names = [f"pixel{i}" for i in range(64)]
    table = pd.DataFrame(np.random.default_rng(0).random((40, 64)), columns=names)
    vae = VAE(epochs=1, image_shape=(8, 8)).fit(table)
    np.testing.assert_array_equal(vae.transform(table), vae.transform(table.to_numpy()))
    with pytest.raises(ValueError, match="feature names should match"):
        vae.transform(table[sorted(names)])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.zeros((8, 8)), np.zeros((5, 8))], "images must form one array of numbers, got list"),
        ([["a", "b"]], "must be an array of numbers, got dtype <U1"),
    ],
)
def test_what_is_no_array_is_an_error_of_ours(X: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        VAE(epochs=1).fit(X)


@pytest.mark.parametrize(
    ("X", "error"),
    [
        (np.zeros((5, 12, 10), object), DataError),
        (np.full((5, 12, 10), b"a"), DataError),
        (np.zeros((5, 12, 10), complex), DataError),
        (None, DataError),
        (5, ShapeError),
        (np.zeros(5), ShapeError),
        (np.zeros((1, 5, 12, 10, 1)), ShapeError),
        (np.zeros((0, 12, 10)), ShapeError),
        ([], ShapeError),
        (np.zeros((5, 12, 9)), ShapeError),
        (np.zeros((5, 119)), ShapeError),
        (np.full((5, 12, 10), np.nan), DataRangeError),
        (np.full((5, 12, 10), np.inf), DataRangeError),
    ],
    ids=lambda value: f"{getattr(value, 'dtype', value)} {getattr(value, 'shape', '')}",
)
def test_images_that_a_fitted_model_cannot_read(
    fitted: VAE, X: object, error: type[Exception]
) -> None:
    """Each is scikit-learn's ValueError too."""
    for call in (fitted.transform, fitted.reconstruct, fitted.score_samples, fitted.fit_prior):
        with pytest.raises(error, match=r"must|needs") as found:
            call(X)
        assert isinstance(found.value, ValueError)


@pytest.mark.parametrize(
    ("Z", "error"),
    [
        (np.zeros((3, 5)), ShapeError),
        (np.zeros(2), ShapeError),
        (3.0, ShapeError),
        ([], ShapeError),
        ([[1, 2], [3]], DataError),
        ([["a", "b"]], DataError),
        (None, DataError),
        ([[1e300, 0]], DataRangeError),
    ],
)
def test_latents_that_cannot_be_decoded(fitted: VAE, Z: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="latents must"):
        fitted.inverse_transform(Z)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.zeros(61), ShapeError, "every image needs one label, got 61 labels for 60 images"),
        (np.linspace(0, 1, 61), ShapeError, "got 61 labels for 60 images"),
        (3, ShapeError, "got int for 60 images"),
        ({"a": 1}, ShapeError, "got dict for 60 images"),
        ((i for i in range(60)), ShapeError, "got generator for 60 images"),
        ([1, np.nan] * 30, DataRangeError, "must be finite, got 30"),
        (pd.Series([1, None] * 30), DataRangeError, "must be finite, got 30"),
        ([np.inf] * 60, DataRangeError, "must be finite, got 60"),
        ([1, "a", None] * 20, DataError, "must be integers or strings, got dtype object"),
        ([None] * 60, DataError, "got dtype object"),
        ([[1], [1, 2]] * 30, DataError, "must form one array, got list"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_labels_that_cannot_be(y: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as found:
        VAE(**SMALL).fit(bars()[0], y)
    assert isinstance(found.value, ValueError)


def test_images_that_are_nearly_black_are_warned_of() -> None:
    """Digits of 0 to 16 as bytes, which would be learned as black."""
    images = np.random.default_rng(0).integers(0, 17, (30, 8, 8), np.uint8)
    with pytest.warns(UserWarning, match="VAE: the brightest of all pixels is 16 of 255"):
        VAE(epochs=1).fit(images)


def test_images_that_are_all_equal_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="AE: all 30 images are equal .every pixel is 200"):
        AE(**SMALL).fit(np.full((30, 8, 8), 200, np.uint8))


def test_latents_and_images_of_any_kind() -> None:
    images = torch.rand(30, 8, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    vae = VAE(epochs=1).fit(images)
    assert vae.inverse_transform(np.zeros((0, 2))).shape == (0, 8, 8)
    with pytest.raises(DataRangeError, match="must be finite numbers, got 1 of 2 with NaN"):
        vae.inverse_transform([[np.nan, 0], [1, 0]])


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"option of VAE 'latent_dims'; did you mean latent_dim"):
        VAE(latent_dims=3)
    with pytest.raises(ConfigError, match="did you mean decoder_output_activation"):
        AE(output_activation="tanh")
    with pytest.raises(ConfigError, match=r"encoder=\{'type': 'mlp', 'widths': VALUE\}"):
        VAE(encoder="mlp", encoder_widths=(12,))
    with pytest.raises(ConfigError, match="'architecture' must be given as encoder and decoder"):
        VAE(architecture="mlp")
    with pytest.raises(ValueError, match="latent_dims"):
        VAE().set_params(latent_dims=3)


def test_clone_repr_and_params() -> None:
    estimator = AE(latent_dim=7, epochs=1)
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert repr(copy) == "AE(epochs=1, latent_dim=7)"
    copy.set_params(latent_dim=3, encoder_filters=[8, 16, 16, 16])
    assert copy.run_config().model.latent_dim == 3
    assert copy.run_config().model.encoder.filters == (8, 16, 16, 16)
    assert estimator.get_params()["latent_dim"] == 7
    assert clone(copy).get_params()["encoder_filters"] == [8, 16, 16, 16]


def test_bad_values_are_refused_in_fit() -> None:
    images, _ = bars()
    with pytest.raises(ConfigError, match=r"VAE.*epochs must be 1 or more"):
        VAE(epochs=0).fit(images)
    with pytest.raises(ConfigError, match=r"latent_dim must be int, got 'two'"):
        VAE(latent_dim="two").fit(images)
    with pytest.raises(ConfigError, match="image_shape must be"):
        VAE(image_shape=(1, 2, 3, 4)).fit(images)
    for shape in ("ab", 5, (12, "a"), (12.5, 10), (None, 1)):
        with pytest.raises(ConfigError, match="image_shape must be"):
            VAE(image_shape=shape).fit(images.reshape(60, -1))
    with pytest.raises(ConfigError, match="out must be a path, got 5"):
        VAE(out=5).fit(images)


def test_not_fitted() -> None:
    for call in ("transform", "reconstruct", "score"):
        with pytest.raises(NotFittedError):
            getattr(VAE(), call)(bars()[0])
    with pytest.raises(NotFittedError):
        VAE().sample(1)
    with pytest.raises(NotFittedError):
        VAE().inverse_transform(np.zeros((1, 2)))


def test_shapes_follow_x(fitted: VAE) -> None:
    images, _ = bars()
    z = fitted.transform(images)
    assert (z.shape, z.dtype) == ((60, 2), np.float32)
    decoded = fitted.inverse_transform(z)
    assert (decoded.shape, decoded.dtype) == (images.shape, np.float32)
    assert 0 <= decoded.min() <= decoded.max() <= 1
    np.testing.assert_array_equal(fitted.reconstruct(images), decoded)
    assert fitted.reconstruct(images[..., None]).shape == (60, 12, 10, 1)
    assert fitted.reconstruct(images.reshape(60, -1)).shape == (60, 120)
    np.testing.assert_array_equal(fitted.transform(images.reshape(60, -1) / 255.0), z)
    np.testing.assert_array_equal(fitted.transform(images[::-1]), z[::-1])
    assert fitted.sample(3).shape == (3, 12, 10)


def test_colour_and_floats() -> None:
    images = np.random.default_rng(0).random((20, 8, 8, 3))
    estimator = AE(**SMALL).fit(images)
    assert estimator.reconstruct(images).shape == images.shape
    assert estimator.sample(2).shape == (2, 8, 8, 3)


def test_a_fit_that_fails_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    """With the range of the pixels that it was fitted to."""
    images = np.random.default_rng(0).random((20, 8, 8))
    estimator = VAE(**SMALL, out=tmp_path / "run", pixel_range="fit").fit(images)
    before = estimator.transform(images)
    with pytest.raises(RunError, match="must write a new run folder"):
        estimator.fit(2 * images)
    np.testing.assert_array_equal(estimator.transform(images), before)
    new = VAE(**SMALL, out=tmp_path / "run")
    with pytest.raises(RunError):
        new.fit(images)
    assert set(vars(new)) == set(new.get_params())


def test_fit_transform_and_history(fitted: VAE) -> None:
    images, labels = bars()
    estimator = VAE(**SMALL)
    np.testing.assert_array_equal(estimator.fit_transform(images, labels), fitted.transform(images))
    assert [line["epoch"] for line in fitted.history_] == [1, 2]
    assert "valid_loss_nats" in fitted.history_[0]
    assert isinstance(fitted.model_, torch.nn.Module)
    assert not fitted.model_.training


def test_sampling_is_seeded(fitted: VAE) -> None:
    np.testing.assert_array_equal(fitted.sample(4, seed=1), fitted.sample(4, seed=1))
    assert (fitted.sample(4, seed=1) != fitted.sample(4, seed=2)).any()
    with pytest.raises(ConfigError, match="n must be a whole number from 1 to"):
        fitted.sample(0)
    with pytest.raises(ConfigError, match="seed must be a whole number"):
        fitted.sample(1, seed=2**70)
    with pytest.raises(ConfigError, match="seed must be a whole number"):
        fitted.fit_prior(bars()[0], seed=2**70)


def test_whole_numbers() -> None:
    assert whole(np.int64(4), "n", range(9)) == whole(4, "n", range(9)) == 4
    for value in (9, -1, 2.5, 4.0, "4", None, np.zeros(2)):
        with pytest.raises(ConfigError, match="n must be a whole number from 0 to 8, got"):
            whole(value, "n", range(9))


def test_fit_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    VAE(**{**SMALL, "epochs": 1}).fit(bars(20)[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_score_rises_with_training() -> None:
    images, _ = bars()
    little = AE(**{**SMALL, "epochs": 1, "learning_rate": 1e-9}).fit(images)
    much = AE(**{**SMALL, "epochs": 10, "learning_rate": 1e-2}).fit(images)
    assert much.score(images) > little.score(images)
    assert much.score(images) == much.score(images)


def test_the_score_is_the_mean_over_samples(fitted: VAE) -> None:
    images, _ = bars()
    each = fitted.score_samples(images)
    assert (each.shape, each.dtype) == ((60,), np.float64)
    assert fitted.score(images) == each.mean()
    np.testing.assert_array_equal(each, fitted.score_samples(images / 255))


def test_the_samples_of_an_ae_are_log_likelihoods() -> None:
    """log p(x|z) of a normal distribution, by hand: weight r is D / 2σ², with D pixels."""
    images, _ = bars()
    ae = AE(**SMALL, weight=3.0).fit(images)
    d = images[0].size
    variance = d / (2 * 3.0)
    squared = ((images / 255 - ae.reconstruct(images)) ** 2).sum((1, 2))
    expected = -squared / (2 * variance) - d / 2 * np.log(2 * np.pi * variance)
    np.testing.assert_allclose(ae.score_samples(images), expected, rtol=1e-5)


def test_a_log_likelihood_lies_above_the_elbo_and_rises_with_the_samples(fitted: VAE) -> None:
    images, _ = bars()
    many = fitted.log_likelihood(images, samples=300)
    assert (many.shape, many.dtype) == ((60,), np.float64)
    # K = 1 is the ELBO; this model's posteriors are near the prior, and the gap is small.
    ones = np.stack([fitted.log_likelihood(images, samples=1, seed=s) for s in range(40)])
    assert ones.mean() == pytest.approx(fitted.score(images), abs=0.5)
    error = ones.std(0, ddof=1).mean() / ones.size**0.5
    assert ones.mean() + 2 * error < many.mean() < ones.mean() + 1
    again = fitted.log_likelihood(images / 255, samples=300)
    np.testing.assert_allclose(again, many, rtol=1e-6)
    with pytest.raises(ValueError, match="samples must"):
        fitted.log_likelihood(images, samples=0)
    with pytest.raises(ConfigError, match="needs a model with a distribution over latents"):
        AE(**SMALL).fit(images).log_likelihood(images)


def test_score_of_a_vae_is_the_negative_loss(fitted: VAE) -> None:
    images, _ = bars()
    assert fitted.score(images) == fitted.score(images)
    assert fitted.history_[-1]["valid_loss_nats"] == pytest.approx(-fitted.score(images), rel=0.2)


def test_a_pipeline_on_flat_rows() -> None:
    images, labels = bars()
    rows = images.reshape(60, -1) * 0.37  # MinMaxScaler's floats end at 1 but for rounding
    pipeline = make_pipeline(
        MinMaxScaler(), VAE(**SMALL, image_shape=(12, 10)), KNeighborsClassifier(3)
    )
    assert pipeline.fit(rows, labels).predict(rows).shape == (60,)
    assert pipeline[1].n_features_in_ == 120
    assert pipeline[1].inverse_transform(np.zeros((2, 2))).shape == (2, 120)
    assert pipeline[:2].get_feature_names_out().tolist() == ["vae0", "vae1"]


def test_targets_that_are_no_classes_are_left_out_of_stratifying() -> None:
    images, _ = bars(20)
    VAE(**{**SMALL, "epochs": 1}).fit(images, np.linspace(0, 1, 20))
    with pytest.raises(ShapeError, match="3 labels for 20 images"):
        VAE(**SMALL).fit(images, [0, 1, 0])


def test_a_grid_search() -> None:
    pipeline = Pipeline([("vae", VAE(**{**SMALL, "epochs": 1}))])
    search = GridSearchCV(pipeline, {"vae__latent_dim": np.array([1, 3])}, cv=2)
    search.fit(bars(24)[0])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_flat_rows_that_cannot_be_images() -> None:
    rows = np.zeros((5, 120))
    with pytest.raises(ShapeError, match=r"pass image_shape=\(height, width\)"):
        VAE(**SMALL).fit(rows)
    with pytest.raises(ShapeError, match="9 × 9 × 1 = 81 pixels, got 120"):
        VAE(**SMALL, image_shape=(9, 9)).fit(rows)


def test_images_of_another_size(fitted: VAE) -> None:
    with pytest.raises(ShapeError, match="12 × 10 × 1"):
        fitted.transform(np.zeros((2, 9, 9)))


def test_an_image_set_keeps_its_splits() -> None:
    images, labels = bars()
    data = image_set_from_arrays(images, labels, name="bars", config=DataConfig())
    estimator = VAE(**SMALL).fit(data)
    assert isinstance(data, ImageSet)
    assert estimator.transform(data).shape == (60, 2)
    assert estimator.reconstruct(data).shape == (60, 12, 10, 1)
    assert np.isfinite(estimator.score(data))


@pytest.mark.parametrize("kind", [AE, VAE, DenoisingAE])
def test_load_gives_the_fitted_estimator_back(kind: type[VAE], tmp_path: Path) -> None:
    images, _ = bars()
    estimator = kind(**SMALL, seed=3, out=tmp_path / "run").fit(images)
    again = load(tmp_path / "run")
    assert type(again) is kind
    own = ("out", "image_shape", "pixel_range", "quiet")
    again.set_params(**{name: estimator.get_params()[name] for name in own})
    assert again.run_config() == estimator.run_config().resolve_defaults()
    assert again.history_[0].keys() == estimator.history_[0].keys()
    np.testing.assert_array_equal(again.transform(images), estimator.transform(images))
    np.testing.assert_array_equal(again.sample(3), estimator.sample(3)[..., None])
    assert again.score(images) == estimator.score(images)
    assert again.history_ == estimator.history_
    with pytest.raises(RunError, match="got one that holds something"):
        estimator.fit(images)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_of_every_preset_loads_with_its_configuration(preset: str, tmp_path: Path) -> None:
    """Images aside, which an estimator is given; and it can be fitted like that again."""
    config = preset_config(preset)
    config = replace(config, training=replace(config.training, epochs=1, batch_size=16, shift=0.5))
    images = image_set_from_arrays(*bars(), name="bars", config=DataConfig())
    config = replace(config, data=replace(config.data, source="bars", valid_fraction=0.2))
    run = Run.create(tmp_path / "run", config, images, command="test", overwrite=False)
    train(run, images)
    again = load(run.path)
    found, expected = again.run_config(), Run.open(run.path).config
    assert replace(found, preset=preset, data=expected.data) == expected
    assert found.data.valid_fraction == 0.2
    assert again.config_ == expected
    assert clone(again).run_config() == found


def test_load_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run folder"):
        load(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"config\.json is missing"):
        load(str(tmp_path))


def test_a_fitted_estimator_can_be_copied(fitted: VAE) -> None:
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - as joblib does
    images, _ = bars()
    np.testing.assert_array_equal(again.transform(images), fitted.transform(images))
    model = fitted.model_
    np.testing.assert_array_equal(
        reconstruct(model, images[..., None])[..., 0], fitted.reconstruct(images)
    )


def test_quiet_is_a_choice(capsys: pytest.CaptureFixture[str]) -> None:
    VAE(**{**SMALL, "epochs": 1, "quiet": False}).fit(bars(20)[0])
    assert "VAE: epoch 1/1" in capsys.readouterr().err


def test_an_estimator_that_suits_the_images() -> None:
    """What `reparam train` chooses for them; options win, and two dimensions are the article's."""
    colour = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3)).astype(np.uint8)
    chosen = VAE.suited_to(colour, epochs=1, encoder_filters=(16,))
    config = chosen.run_config()
    assert config.model.encoder.type == config.model.decoder.type == "residual"
    assert config.model.encoder.filters == (16,)
    assert (config.model.latent_dim, config.training.epochs) == (32, 1)
    assert config.model.likelihood.weight == "auto"
    assert AE.suited_to(colour).run_config().model.likelihood.weight is None
    assert VAE.suited_to(colour, latent_dim=49).run_config().model.encoder.components == 49
    rows = AE.suited_to(colour[..., 0].reshape(30, -1), image_shape=(16, 16), latent_dim=2)
    assert rows.run_config() == AE(image_shape=(16, 16)).run_config()
    fitted = VAE.suited_to(colour, epochs=1, encoder_filters=(16,), decoder_filters=(16,))
    assert fitted.fit(colour).reconstruct(colour).shape == colour.shape


@pytest.mark.parametrize(
    "options",
    [
        {"likelihood": "bernoulli"},
        {"likelihood": "discretised-logistic"},
        {"likelihood": "gaussian-learned"},
        {"latent_channels": 4},
    ],
)
def test_what_suits_depends_on_the_options(options: dict[str, Any]) -> None:
    """A recipe gives a likelihood only the options that it has, as `reparam train` does."""
    colour = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3)).astype(np.uint8)
    for kind in (AE, VAE) if "likelihood" in options else (VAE,):
        build_autoencoder(kind.suited_to(colour, **options).run_config().model, (16, 16, 3))


def test_fit_transform_of_a_conditional_model_reads_the_labels_twice() -> None:
    images, labels = bars()
    model = VAE(**SMALL, classes="auto")
    found = model.fit_transform(images, labels)
    np.testing.assert_array_equal(found, model.transform(images, labels=labels))


def test_a_conditional_model_needs_the_right_labels() -> None:
    """With permuted ones it scores worse than with its own, and a sample is of the class asked for:
    nearer to that class's mean image than to the nine others', for most."""
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    model = VAE(classes="auto", latent_dim=2, epochs=8, batch_size=64, quiet=True)
    model.fit(images[:1400], digits.target[:1400])
    assert model.config_.model.classes == 10
    test, labels = images[1400:], digits.target[1400:]
    permuted = np.random.default_rng(0).permutation(labels)
    right, wrong = (model.score_samples(test, y) for y in (labels, permuted))
    assert right.mean() > wrong.mean() + 10
    means = np.stack([images[digits.target == c].mean(0) for c in range(10)]) / 255
    each = np.repeat(np.arange(10), 20)
    drawn = model.sample(200, labels=each)
    nearest = np.square(drawn[:, None] - means).sum((2, 3)).argmin(1)
    assert (nearest == each).mean() > 0.5


@pytest.mark.parametrize("estimator", [AE, VAE, DenoisingAE])
def test_no_option_hides_a_method(estimator: Any) -> None:
    """Options are attributes, as scikit-learn has them."""
    methods = {name for name in dir(estimator) if callable(getattr(estimator, name))}
    assert not methods & estimator().get_params().keys()


def test_images_of_many_channels() -> None:
    """As of a satellite; more than four are meant only where they are said."""
    many = np.random.default_rng(0).integers(0, 256, (40, 12, 10, 6)).astype(np.uint8)
    with pytest.raises(ShapeError, match=r"in Python image_shape=\(12, 10, 6\)"):
        VAE(**SMALL).fit(many)
    model = VAE(**SMALL, image_shape=(12, 10, 6)).fit(many)
    assert model.reconstruct(many).shape == many.shape
    assert model.reconstruct(many.reshape(40, -1)).shape == (40, 720)


@pytest.mark.parametrize("pixel_range", [None, (0, 1), "fit"])
def test_what_is_not_finite_is_called_so(pixel_range: object) -> None:
    x = np.random.default_rng(0).random((40, 12, 10))
    x[3, 2, 1] = np.nan
    with pytest.raises(DataRangeError, match="float pixels must be finite, got 1 that are NaN"):
        VAE(**SMALL, pixel_range=pixel_range).fit(x)
    with pytest.raises(
        DataRangeError, match=r"pass --range 0 255 \(in Python pixel_range=\(0, 255"
    ):
        VAE(**SMALL).fit(np.round(255 * np.nan_to_num(x)))


def test_seeds_and_places_are_those_of_the_whole_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any whole number is a seed of a fit, and ~ is the home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    images, _ = bars()
    model = VAE(**SMALL, out="~/run").fit(images)
    assert (tmp_path / "run" / "config.json").exists()
    assert load("~/run").fit_prior(images, seed=-1).sample(2).shape == (2, 12, 10, 1)
    assert model.fit_prior(images, seed=2**40).sample(2).shape == (2, 12, 10)


def test_exemplars_that_are_their_own_images_have_a_rate() -> None:
    images, _ = bars(20)
    model = VAE(**SMALL, prior={"type": "exemplar", "components": 1}, valid_fraction=0.0)
    assert np.isfinite(model.fit(images).score(images))


@contextmanager
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("setting", [double, torch.no_grad, torch.inference_mode])
def test_what_the_caller_set_in_torch_changes_nothing(setting) -> None:
    """As in a notebook whose other cells compute in double precision, or without gradients."""
    images, _ = bars()
    plain = VAE(**SMALL, out=None).fit(images).transform(images)
    with setting():
        before = torch.get_default_dtype(), torch.is_grad_enabled()
        found = VAE(**SMALL, out=None).fit(images).transform(images)
        assert (torch.get_default_dtype(), torch.is_grad_enabled()) == before
    np.testing.assert_array_equal(found, plain)


def test_a_model_that_was_changed_after_training_does_not_carry_its_old_figures(tmp_path) -> None:
    """As by fine-tuning: nothing measured the new weights, and they are of other images."""
    images, _ = bars()
    fitted = VAE(**SMALL, out=None).fit(images)
    fitted.save_pretrained(tmp_path / "same")
    with torch.no_grad():
        next(fitted.model_.decoder.parameters()).add_(0.1)
    fitted.save_pretrained(tmp_path / "changed")
    same, changed = (Run.open(tmp_path / name) for name in ("same", "changed"))
    assert "mse" in same.result().splits["train"]
    assert "Final metrics" in (same.path / "README.md").read_text()
    for split, found in changed.result().splits.items():
        assert found == {"images": same.result().splits[split]["images"]}
    assert "Final metrics" not in (changed.path / "README.md").read_text()
    assert changed.facts.command == ""
    assert changed.result().deterministic is False
    with pytest.raises(RunError, match="arrays in memory"):
        changed.images()
    again = load(tmp_path / "changed")
    np.testing.assert_array_equal(again.transform(images), fitted.transform(images))
    with pytest.raises(ConfigError, match="replace them with overwrite=True"):
        fitted.save_pretrained(tmp_path / "changed")


def test_few_wide_grey_images_are_known_by_their_shape() -> None:
    """8 images of 8 × 64 look like 64 images of 8 × 8 with N last; fit has said which they are."""
    x = np.random.default_rng(0).random((24, 8, 64)).astype(np.float32)
    vae = VAE(encoder="mlp", decoder="mlp", epochs=1, quiet=True).fit(x)
    few = vae.transform(x[:8])
    np.testing.assert_allclose(few, vae.transform(x)[:8], atol=1e-5)
    assert vae.reconstruct(x[:8]).shape == (8, 8, 64)
    with pytest.raises(ShapeError, match="looks like H×W×N"):
        VAE(encoder="mlp", decoder="mlp", epochs=1, quiet=True).fit(x[:8])


def test_a_column_of_labels_is_taken_with_a_warning() -> None:
    x = np.random.default_rng(0).random((24, 8, 8)).astype(np.float32)
    y = np.arange(24) % 2
    parts = {"encoder": "mlp", "decoder": "mlp", "epochs": 1, "classes": "auto", "quiet": True}
    with pytest.warns(DataConversionWarning, match="got a column"):
        vae = VAE(**parts).fit(x, pd.DataFrame({"label": y}))
    assert vae.class_names_ == ("0", "1")
