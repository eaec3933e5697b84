"""Estimator: what every preset is to scikit-learn."""

import dataclasses
import tempfile
from pathlib import Path
from typing import ClassVar, TypeVar

import torch

from reparam import export  # its names are imported when they are used
from reparam.arguments import OWN_OPTIONS, arguments_of, config_of, constructor
from reparam.data import DataConfig, ImageSet, image_set_from_arrays, warn_of_pixels
from reparam.errors import ConfigError, DataError
from reparam.estimators.fitting import as_it_was, check_free, folder_of, listeners
from reparam.estimators.html import fitted_html, shown_of
from reparam.estimators.inputs import checked_rows, declared_range, declared_shape, image_set_of
from reparam.estimators.sharing import push, save
from reparam.estimators.using import FittedModel
from reparam.evaluation import Rows, labels_or_none, rows_to_pixels
from reparam.model import Autoencoder, Prior
from reparam.runs import (
    IN_MEMORY,
    SUITED_BY,
    Result,
    Run,
    RunConfig,
    is_articles,
    preset_config,
    resolve,
    suited_recipe,
    writing,
)
from reparam.training import train
from reparam.types import LatentArray, PixelArray

Trained = TypeVar("Trained", bound="Estimator")


class Estimator(FittedModel):
    """What all presets share. A public estimator names its preset, and adds nothing else.

    X is an array of images, uint8 or floats in [0, 1] (rounded to 256 levels), N × H × W or
    N × H × W × C, or flat rows N × D with ``image_shape=(height, width[, channels])`` or, where
    each row is an image of height 1, ``"row"``; or an ImageSet, or a PyTorch Dataset of images or
    of pairs (image, label), as `image_set_from_dataset` takes it. ``pixel_range``: the values of X
    that are black and white, or "fit", from the least to the largest of fit's X; then what lies
    outside of it later is clipped. Images that come back are float32 in [0, 1].

    Of flat rows a fitted estimator knows ``n_features_in_``, and of a DataFrame
    ``feature_names_in_``; X must keep to them.

    A part (``encoder``, ``posterior``, ``prior``, ``decoder``, ``likelihood``, ``objective``) is a
    name, a mapping with a ``type`` and options, or its options' dataclass.
    """

    preset: ClassVar[str]

    history_: list[dict[str, object]]
    run_: Run
    """As it was when the estimator was fitted or loaded; its folder may be gone."""
    result_: Result | None
    trained_prior_: Prior
    """The prior that the model was trained with, whatever was fitted since."""
    _shown: "export.LabelledImages | None" = None
    """Images that a notebook shows; no copy or file of an estimator has them."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        cls.__init__ = constructor(cls.preset)  # type: ignore[method-assign]
        super().__init_subclass__(**kwargs)

    @classmethod
    def suited_to(cls: type[Trained], X: object, **options: object) -> Trained:
        """An estimator, not fitted yet, with what `reparam train` would choose for these images.

        Residual networks, a latent size, a weight and a number of epochs that follow from the
        images' size and number; for two latent dimensions of small grey images, the article's.
        ``options`` win, as in the constructor. Raises what ``fit`` raises for X.
        """
        own = {name: options.pop(name) for name in OWN_OPTIONS if name in options}
        base = preset_config(cls.preset, "plain")
        if isinstance(X := image_set_of(X, own.get("pixel_range")), ImageSet):
            images = X
        else:
            black_white = declared_range(own.get("pixel_range"), X)
            pixels, _ = rows_to_pixels(X, declared_shape(own.get("image_shape"), X), black_white)
            data = dataclasses.replace(base.data, source=IN_MEMORY, test_fraction=0.0)
            images = _image_set(pixels, None, cls.__name__, data)
        given = (cls.__name__, options)
        # Options of the recipe's own networks are refused without it.
        counts = {name: options[name] for name in SUITED_BY if name in options}
        counting = resolve(base, [(cls.__name__, counts)])

        def with_recipe(latent_dim: int | None = None) -> RunConfig:
            recipe = suited_recipe(counting, images, latent_dim)
            of_recipe = resolve(base, [(f"recipe {recipe.recipe}", recipe.options)])
            return resolve(of_recipe, [given])

        config = with_recipe(with_recipe().model.latent_dim)
        if is_articles(config, images):
            config = resolve(preset_config(cls.preset), [given])
        return cls(**arguments_of(config), **own)

    def run_config(self) -> RunConfig:
        """The configuration that the options make. Raises ConfigError for values that cannot be."""
        config = config_of(self.preset, type(self).__name__, self.get_params(deep=False))
        data = dataclasses.replace(config.data, source=IN_MEMORY, test_fraction=0.0)
        return dataclasses.replace(config, data=data)

    def fit(self: Trained, X: object, y: object = None) -> Trained:
        """Trains on X, and holds ``valid_fraction`` of it out to choose the best epoch.

        ``y``: labels (N), which keep the proportions of the classes in both parts, and which
        conditional models read. An ImageSet is taken with its own splits and labels. The run goes
        to the folder ``out``, or to a temporary one. Torch's global random state is left as it was,
        and so is the estimator where this fails.

        Raises DataError for X or y that are no images or labels, ConfigError for options that
        cannot be, ShapeError for flat rows that do not fit ``image_shape``, RunError when ``out``
        holds something.
        """
        with as_it_was(self):
            self._fit(X, y)
        return self

    def _fit(self, X: object, y: object) -> None:
        config = self.run_config()
        X = image_set_of(X, self._own("pixel_range"), config.data)
        row_shape: tuple[int, ...]
        self.pixel_range_ = None
        if isinstance(X, ImageSet):
            if y is not None:
                raise DataError(
                    "y must be omitted where X is an ImageSet or a Dataset, got both. Fix: omit y; "
                    "labels of a Dataset are in its pairs (image, label)"
                )
            images, row_shape = X, X.image_shape
        else:
            X = checked_rows(self, X, flat=self._own("image_shape") is not None, reset=True)
            self.pixel_range_ = declared_range(self._own("pixel_range"), X)
            pixels, row_shape = self._to_pixels(X, declared_shape(self._own("image_shape"), X))
            labels = labels_or_none(y, len(pixels))
            name = type(self).__name__
            images = _image_set(pixels, labels, name, config.data)
            warn_of_pixels(pixels, name, range_known=self.pixel_range_ is not None)
        out, title = folder_of(self._own("out")), type(self).__name__
        if out is None and config.training.loggers:
            raise ConfigError(
                "logger must have out, the folder that is kept of a run, got None. Fix: name out"
            )
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "run" if out is None else out
            check_free(path)
            command = f"{' '.join(repr(self).split())}.fit(X)"
            with writing(path), torch.random.fork_rng(devices=[]):
                run = Run.create(path, config, images, command=command, overwrite=False)
                quiet, kept = bool(self._own("quiet")), out is not None
                train(run, images, listeners(run, config, title, quiet=quiet, kept=kept))
            self._take(run, run.load_model(), row_shape)
            self._shown = shown_of(images)

    def fit_transform(self, X: object, y: object = None) -> LatentArray:
        """``fit(X, y)``, then ``transform`` of X: a conditional model reads y in both."""
        return self.fit(X, y).transform(X, labels=y)

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        shown: Rows | ImageSet | None = None,
        labels: object = None,
        license: str | None = None,
        dataset: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Writes the fitted model as a run folder with a model card (README.md) and pictures.

        It has the model as it is now, with a prior that was fitted to it, the metrics, and the
        scorecard of the run folder that the estimator is of, where that is there and valid. Names
        of classes and of the data are in it. The images are not, but in a prior that is made of
        some (``exemplar``, ``vamp``); ``shown`` (as X of ``transform``, with ``labels`` for a
        conditional model) are images that the card shows with their
        reconstructions. ``license`` and ``dataset`` are names of the Hub's, for the card.

        Raises ConfigError where something exists and is no such folder, or without ``overwrite``;
        ExportError where a file would name a folder of this machine.
        """
        card = export.CardOptions(license=license, dataset=dataset)
        images = self._images_of_card(shown, labels)
        save(self, Path(folder), card, images, overwrite=overwrite)

    def push_to_hub(
        self,
        name: str,
        *,
        private: bool = False,
        shown: Rows | ImageSet | None = None,
        labels: object = None,
        training_images: bool = False,
        license: str | None = None,
        dataset: str | None = None,
        token: str | None = None,
    ) -> str:
        """Puts what ``save_pretrained`` writes on the Hugging Face Hub as ``name``, user/name; its
        address.

        One commit has all files, or nothing changes. ``training_images``: also where the prior is
        made of some, which become public with the weights. ``token``: else HF_TOKEN, or the one of
        `hf auth login`. Raises ConfigError without the package huggingface_hub, and for such a
        prior without ``training_images``, HubError where the Hub refuses or cannot be reached.
        """
        export.check_hub(name)
        if not training_images:
            model = self._fitted()
            name_of = type(self).__name__
            export.check_prior_is_public(model, name_of, "training_images=True")
            export.check_prior_is_public(self.trained_prior_, name_of, "training_images=True")
        card = export.CardOptions(license=license, dataset=dataset)
        images = self._images_of_card(shown, labels)
        return push(self, name, card, images, private=private, token=token)

    def _take(self, run: Run, model: Autoencoder, row_shape: tuple[int, ...]) -> None:
        """The attributes of a fitted estimator."""
        self.model_ = model
        self.config_ = run.config
        self.class_names_ = run.facts.class_names
        self.history_ = [epoch.to_mapping() for epoch in run.metrics()]
        self.row_shape_ = row_shape
        self.run_, self.result_ = run, run.result()
        self.weights_digest_ = run.model_digest()
        fitted = run.prior_file.exists()
        self.trained_prior_ = run.load_model(own_prior=True).prior if fitted else model.prior

    def _repr_html_inner(self) -> str:
        """scikit-learn's own, which has the options, and under it what was fitted."""
        return str(super()._repr_html_inner()) + self._fitted_html()

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        found: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in found:
            found["text/html"] += self._fitted_html()
        return found

    def _fitted_html(self) -> str:
        return fitted_html(self) if hasattr(self, "model_") else ""

    def __getstate__(self) -> dict[str, object]:
        state: dict[str, object] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_shown"}

    def _images_of_card(self, shown: object, labels: object) -> "export.LabelledImages | None":
        self._fitted()
        if shown is None:
            return None
        pixels, _, known = self._read(shown, labels)
        return export.LabelledImages(pixels, known)


def _image_set(pixels: PixelArray, labels: object, name: str, config: DataConfig) -> ImageSet:
    """Of pixels whose channels are known to be channels, however many."""
    config = dataclasses.replace(config, channels=pixels.shape[-1])
    return image_set_from_arrays(pixels, labels, name=name, config=config)
