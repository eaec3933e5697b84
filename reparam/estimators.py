"""AE, VAE, DenoisingAE: the models as scikit-learn estimators; `load`: a run as one of them."""

import contextlib
import dataclasses
import functools
import operator
import tempfile
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from reparam import export
from reparam.arguments import OWN_OPTIONS, arguments_of, config_of, constructor
from reparam.data import (
    ImageSet,
    as_labels,
    as_numbers,
    class_indices,
    image_set_from_arrays,
    warn_of_pixels,
)
from reparam.errors import ConfigError, DataError, RunError
from reparam.evaluation import (
    Rows,
    check_latents,
    decode,
    encode,
    evaluation_loss,
    even_labels,
    labels_or_none,
    rows_to_pixels,
    sample_latents,
    scores_of,
)
from reparam.evaluation import reconstruct as reconstruct_pixels
from reparam.handing_on import HandedOn
from reparam.model import Autoencoder
from reparam.printable import note
from reparam.runs import (
    IN_MEMORY,
    Epoch,
    Run,
    RunConfig,
    check_writable,
    is_articles,
    is_empty,
    preset_config,
    resolve,
    suited_recipe,
    writing,
)
from reparam.training import (
    BackedOff,
    EpochDone,
    Event,
    Listener,
    Warned,
    fit_prior,
    sample_writer,
    tensorboard_writer,
    train,
)
from reparam.types import LabelArray, LatentArray, PixelArray

COUNTS = range(1, 2**63)
"""How many images can be asked for."""

STEPS = range(2**31)
"""Of a search."""

SEEDS = range(-(2**63), 2**64)
"""Those that PyTorch takes."""

Fitted = TypeVar("Fitted", bound="_Estimator")


class _Estimator(HandedOn, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What all presets share. A public estimator names its preset, and adds nothing else.

    X is an array of images, uint8 or floats in [0, 1] (rounded to 256 levels), N × H × W or
    N × H × W × C, or flat rows N × D with ``image_shape=(height, width[, channels])``, or an
    ImageSet. Images that come back are float32 in [0, 1].

    A part (``encoder``, ``posterior``, ``prior``, ``decoder``, ``likelihood``, ``objective``) is a
    name, a mapping with a ``type`` and options, or its options' dataclass.
    """

    preset: ClassVar[str]

    config_: RunConfig
    row_shape_: tuple[int, ...]
    class_names_: tuple[str, ...]

    def __init_subclass__(cls, **kwargs: object) -> None:
        cls.__init__ = constructor(cls.preset)  # type: ignore[method-assign]
        super().__init_subclass__(**kwargs)

    @classmethod
    def suited_to(cls: type[Fitted], X: object, **options: object) -> Fitted:
        """An estimator, not fitted yet, with what `reparam train` would choose for these images.

        Residual networks, a latent size, a weight and a number of epochs that follow from the
        images' size and number; for two latent dimensions of small grey images, the article's.
        ``options`` win, as in the constructor. Raises what ``fit`` raises for X.
        """
        own = {name: options.pop(name) for name in OWN_OPTIONS if name in options}
        base = preset_config(cls.preset, "plain")
        if isinstance(X, ImageSet):
            images = X
        else:
            pixels, _ = rows_to_pixels(X, cls(**own)._declared_shape())
            data = dataclasses.replace(base.data, source=IN_MEMORY, test_fraction=0.0)
            images = image_set_from_arrays(pixels, None, name=cls.__name__, config=data)
        recipe = suited_recipe(base, images)
        given = (cls.__name__, options)
        config = resolve(base, [(f"recipe {recipe.recipe}", recipe.options), given])
        if is_articles(config, images):
            config = resolve(preset_config(cls.preset), [given])
        return cls(**arguments_of(config), **own)

    def run_config(self) -> RunConfig:
        """The configuration that the options make. Raises ConfigError for values that cannot be."""
        config = config_of(self.preset, type(self).__name__, self.get_params(deep=False))
        data = dataclasses.replace(config.data, source=IN_MEMORY, test_fraction=0.0)
        return dataclasses.replace(config, data=data)

    def fit(self: Fitted, X: object, y: object = None) -> Fitted:
        """Trains on X, and holds ``valid_fraction`` of it out to choose the best epoch.

        ``y``: labels (N), which keep the proportions of the classes in both parts, and which
        conditional models read. An ImageSet is taken with its own splits and labels. The run goes
        to the folder ``out``, or to a temporary one. Torch's global random state is left as it was.

        Raises what `as_pixels`, `as_labels` and `run_config` raise, ShapeError for flat rows
        that do not fit ``image_shape``, RunError when ``out`` holds something.
        """
        config = self.run_config()
        row_shape: tuple[int, ...]
        if isinstance(X, ImageSet):
            images, row_shape = X, X.image_shape
        else:
            _check_columns(self, X, reset=True)
            pixels, row_shape = rows_to_pixels(X, self._declared_shape())
            labels = labels_or_none(y, len(pixels))
            name = type(self).__name__
            images = image_set_from_arrays(pixels, labels, name=name, config=config.data)
            warn_of_pixels(pixels, name, range_known=False)
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "run" if self._out is None else self._out
            _check_out_free(path)
            command = f"{' '.join(repr(self).split())}.fit(X)"
            with writing(path), torch.random.fork_rng(devices=[]):
                run = Run.create(path, config, images, command=command, overwrite=False)
                model = train(run, images, self._listeners(run, config))
            self._take(run, model, row_shape)
        return self

    def transform(self, X: object, labels: object = None) -> LatentArray:
        """The posterior's mean of each image, float32 (N, d).

        ``labels``, here and below: what a conditional model reads, one for each row as in fit's y,
        or one for all; an ImageSet has its own. Other models ignore them. Raises DataError where a
        conditional model gets none, and for a label that fit's y does not have.
        """
        pixels, _ = self._pixels(X)
        return encode(self._fitted(), pixels, self._labels(labels, len(pixels), X))

    def inverse_transform(self, Z: object, labels: object = None) -> Rows:
        """The decoding of each latent, shaped as the rows of fit's X."""
        model = self._fitted()
        with np.errstate(over="ignore"):  # refused as infinite
            latents = as_numbers(Z, "Z", "latents").astype(np.float32)
        check_latents(model, latents)
        return self._as_rows(
            decode(model, latents, self._labels(labels, len(latents))), self.row_shape_
        )

    def reconstruct(self, X: object, refine: int = 0, labels: object = None) -> Rows:
        """decode(encode(X)), without sampling, shaped as X.

        ``refine``: steps that move each latent from the encoder's towards the one that is decoded
        closest to X; 20 are enough for most of what there is to gain.
        """
        model = self._fitted()
        pixels, row_shape = self._pixels(X)
        steps = whole(refine, "refine", STEPS)
        known = self._labels(labels, len(pixels), X)
        return self._as_rows(reconstruct_pixels(model, pixels, known, refine=steps), row_shape)

    def fit_prior(
        self: Fitted, X: object, prior: str = "mixture", seed: int = 0, labels: object = None
    ) -> Fitted:
        """From now on samples come from a prior that is fitted to the latents of X.

        ``prior``: gaussian, mixture or flow. Give the X that the model was fitted to. The model's
        networks stay as they are; a run folder is not changed (`reparam fit-prior` does that).
        Raises ConfigError for another prior, DataError for too few images.
        """
        model = self._fitted()
        pixels, _ = self._pixels(X)
        known, seed = self._labels(labels, len(pixels), X), whole(seed, "seed", SEEDS)
        model.prior = fit_prior(model, pixels, str(prior), seed, labels=known)
        return self

    def sample(self, n: int = 1, seed: int = 0, labels: object = None) -> Rows:
        """Decodings of n draws from the prior (an AE without a fitted one: from the box of its
        training latents).

        ``labels``: of a conditional model, one for all or n of them; by default every class in
        turn. Raises ConfigError for labels of a model that reads none.
        """
        model = self._fitted()
        n, seed = whole(n, "n", COUNTS), whole(seed, "seed", SEEDS)
        if labels is not None and not model.classes:
            raise ConfigError(
                "labels must be of a conditional model, got one that reads none. Fix: omit them, "
                'or fit with classes="auto"'
            )
        known = even_labels(model, n) if labels is None else self._labels(labels, n)
        return self._as_rows(decode(model, sample_latents(model, n, seed), known), self.row_shape_)

    def score_samples(self, X: object, labels: object = None) -> Float[np.ndarray, " N"]:
        """−loss of each image, in nats, float64 (N,): higher is better.

        For a VAE it is the evidence lower bound, with z sampled from ``seed``; for an AE, which has
        no rate, log p(x|z) at z = encode(x), which bounds nothing.
        """
        loss = evaluation_loss(self._fitted(), self.config_)
        pixels, _ = self._pixels(X)
        known = self._labels(labels, len(pixels), X)
        found = scores_of(loss, pixels, known, seed=self.config_.seed)
        return -found.columns["loss_nats"]

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``; ``y``: labels, which only conditional models read."""
        return float(self.score_samples(X, y).mean())

    @classmethod
    def from_pretrained(
        cls: type[Fitted],
        name: str | Path,
        *,
        revision: str | None = None,
        token: str | None = None,
    ) -> Fitted:
        """The fitted estimator of a run folder, or of a model on the Hugging Face Hub, user/name.

        A folder that exists comes first. ``revision``: a branch, tag or commit of the model on the
        Hub; ``token``: else HF_TOKEN, or the one of `hf auth login`. Its files are kept in
        huggingface_hub's cache. Nothing in them is executed. Raises what ``load`` raises,
        ConfigError for a run of another kind, HubError where the Hub refuses, cannot be reached, or
        has no usable run of that name.
        """
        folder = Path(name)
        if not folder.exists() and isinstance(name, str) and export.is_hub_name(name):
            folder = export.fetch(name, None, revision=revision, token=token)
            export.check_foreign_run(name, folder)
        found = load(folder)
        if not isinstance(found, cls):
            kind = type(found).__name__
            raise ConfigError(
                f"{name}: must be a run of a {cls.__name__}, got one of a {kind}. Fix: take "
                f"reparam.{kind}.from_pretrained"
            )
        return found

    @property
    def _out(self) -> Path | None:
        out = self.get_params(deep=False)["out"]
        if not isinstance(out, str | Path | None):
            raise ConfigError(f"out must be a path, got {out!r}. Fix: name a folder")
        return None if out is None else Path(out)

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def _declared_shape(self) -> tuple[int, int, int] | None:
        shape = self.get_params(deep=False)["image_shape"]
        if shape is None:
            return None
        try:
            sizes = tuple(operator.index(size) for size in shape)
        except TypeError:  # no sequence, or not of whole numbers
            sizes = ()
        if len(sizes) not in (2, 3) or min(sizes) < 1:
            raise ConfigError(
                f"image_shape must be (height, width) or (height, width, channels), got {shape!r}. "
                "Fix: correct it"
            )
        return sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1

    def _listeners(self, run: Run, config: RunConfig) -> list[Listener]:
        listeners: list[Listener] = []
        if not self.get_params(deep=False)["quiet"]:
            listeners.append(functools.partial(_say, type(self).__name__, config.training.epochs))
        if self._out is not None and config.training.sample_every:
            listeners.append(sample_writer(run, config.training.sample_every, config.seed))
        if config.training.tensorboard:
            listeners.append(tensorboard_writer(run))
        return listeners

    def _take(self, run: Run, model: Autoencoder, row_shape: tuple[int, ...]) -> None:
        """The attributes of a fitted estimator."""
        self.model_ = model
        self.config_ = run.config
        self.class_names_ = run.facts.class_names
        self.history_ = [epoch.to_mapping() for epoch in run.metrics()]
        self.run_, self.result_ = run, run.result()
        fitted = run.prior_file.exists()
        self.trained_prior_ = run.load_model(own_prior=True).prior if fitted else model.prior
        self.row_shape_ = row_shape
        if len(row_shape) == 1:
            self.n_features_in_ = row_shape[0]

    def _fitted(self) -> Autoencoder:
        check_is_fitted(self, "model_")
        return self.model_

    def _pixels(self, X: object) -> tuple[PixelArray, tuple[int, ...]]:
        model = self._fitted()
        if isinstance(X, ImageSet):
            return X.images, X.image_shape
        _check_columns(self, X, reset=False)
        return rows_to_pixels(X, model.image_shape)

    def _labels(self, labels: object, count: int, X: object = None) -> LabelArray | None:
        """Labels of ``count`` rows as the model reads them; None for one that reads none."""
        if not self.model_.classes:
            return None
        if labels is None and isinstance(X, ImageSet) and X.labels is not None:
            given, names = X.labels, X.class_names
        elif labels is None and self.model_.classifier is not None:
            return None
        elif labels is None:
            raise DataError(
                f"{type(self).__name__}: labels must be given to a conditional model, got none. "
                "Fix: pass labels, one for each row or one for all"
            )
        else:
            each = np.asarray(labels)
            each = np.full(count, each) if each.ndim == 0 else each
            given, names = as_labels(each, count, None, "labels")
        names = (*names, "")  # the last is that of UNKNOWN, -1
        return class_indices([names[i] for i in given], self.class_names_, type(self).__name__)

    def _as_rows(self, images: Float[np.ndarray, "N H W C"], shape: tuple[int, ...]) -> Rows:
        return images.reshape(len(images), *shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _check_columns(estimator: _Estimator, X: object, *, reset: bool) -> None:
    """Of a DataFrame: its columns are those of fit's X, in their order (``reset``: remembered).

    Raises scikit-learn's ValueError where they are not.
    """
    if reset and hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    if hasattr(X, "columns"):
        validate_data(estimator, X, reset=reset, skip_check_array=True)


class AE(_Estimator):
    """The article's autoencoder. Its options are those of the configuration: see the signature."""

    preset = "ae"


class VAE(_Estimator):
    """The article's variational autoencoder. Its options are those of the configuration."""

    preset = "vae"


class DenoisingAE(_Estimator):
    """An autoencoder that sees noisy images and is compared with the clean ones."""

    preset = "dae"


def load(path: str | Path) -> AE | VAE | DenoisingAE:
    """The fitted estimator of a run folder, with its fitted prior; its images are not needed.

    Images that it gives back are N × H × W × C, since a run does not know how X was laid out. Parts
    from a plug-in must be registered first (`load_plugin`). Raises RunError when the run is
    missing, damaged, or from a newer version.
    """
    run = Run.open(Path(path))
    model = run.load_model()
    if run.config.inputs.corrupt != "none":
        kind: type[AE | VAE | DenoisingAE] = DenoisingAE
    else:
        kind = VAE if model.is_variational else AE
    estimator = kind(**arguments_of(run.config))
    estimator._take(run, model, run.facts.image_shape)
    return estimator


def whole(value: object, name: str, known: range) -> int:
    """A whole number of NumPy's or Python's. Raises ConfigError for what is none of ``known``."""
    with contextlib.suppress(TypeError):
        number = operator.index(value)  # type: ignore[arg-type]
        if number in known:
            return number
    raise ConfigError(
        f"{name} must be a whole number from {known.start} to {known.stop - 1}, got {value!r}. "
        "Fix: correct it"
    )


def _check_out_free(path: Path) -> None:
    check_writable(path / "config.json", fix="choose another out")
    if path.exists() and not (path.is_dir() and is_empty(path)):
        raise RunError(
            f"{path}: fit must write a new run folder, got one that holds something. Fix: choose "
            "another out, or reparam.load what exists there"
        )


def _say(title: str, epochs: int, event: Event) -> None:
    """A line an epoch on stderr, and one when something looks wrong."""
    if isinstance(event, BackedOff | Warned):
        note(f"{title}: {event}")
    if isinstance(event, EpochDone):
        metrics: Epoch = event.metrics
        note(
            f"{title}: epoch {metrics.epoch}/{epochs}, loss {metrics.held_out['loss_nats']:.2f} "
            "nats"
        )
