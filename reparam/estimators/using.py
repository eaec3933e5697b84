"""What a fitted estimator does with images and latents."""

from typing import TypeVar

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch.utils.data import Dataset

from reparam.data import ImageSet, as_numbers, items_of_dataset
from reparam.errors import ConfigError
from reparam.estimators.inputs import check_range_is_free, checked_rows, is_fit, labels_for, whole
from reparam.evaluation import (
    Rows,
    check_latents,
    class_probabilities,
    decode,
    encode,
    evaluation_loss,
    even_labels,
    importance_weighted,
    rows_to_pixels,
    sample_latents,
    scores_of,
)
from reparam.evaluation import reconstruct as reconstruct_pixels
from reparam.model import Autoencoder
from reparam.runs import RunConfig
from reparam.training import fit_prior
from reparam.types import LabelArray, LatentArray, PixelArray

COUNTS = range(1, 2**63)
"""How many images can be asked for."""

STEPS = range(2**31)
"""Of a search."""

SEEDS = range(-(2**63), 2**64)
"""Those that PyTorch takes."""

Fitted = TypeVar("Fitted", bound="FittedModel")


def _classifies(estimator: "FittedModel") -> bool:
    if hasattr(estimator, "config_"):
        return estimator.config_.model.classifier
    return bool(estimator.get_params(deep=False).get("classifier"))


class FittedModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What an estimator does once it is fitted; raises scikit-learn's NotFittedError before."""

    model_: Autoencoder
    config_: RunConfig
    row_shape_: tuple[int, ...]
    class_names_: tuple[str, ...]
    pixel_range_: tuple[float, float] | None = None

    def transform(self, X: object, labels: object = None) -> LatentArray:
        """The posterior's mean of each image, float32 (N, d).

        ``labels``, here and below: what a conditional model reads, one for each row as in fit's y,
        or one for all; an ImageSet has its own. Other models ignore them. Raises DataError where a
        conditional model gets none, and for a label that fit's y does not have.
        """
        pixels, _, known = self._read(X, labels)
        return encode(self.model_, pixels, known)

    @available_if(_classifies)
    def predict_proba(self, X: object) -> Float[np.ndarray, "N K"]:
        """The probability of each class, float32 (N, K), in the order of ``class_names_``.

        Only semi-supervised models have it, whose y has −1 where a label is unknown.
        """
        pixels, _, _ = self._images(X)
        return class_probabilities(self.model_, pixels)

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
        pixels, row_shape, known = self._read(X, labels)
        steps = whole(refine, "refine", STEPS)
        return self._as_rows(
            reconstruct_pixels(self.model_, pixels, known, refine=steps), row_shape
        )

    def fit_prior(
        self: Fitted, X: object, prior: str = "mixture", seed: int = 0, labels: object = None
    ) -> Fitted:
        """From now on samples come from a prior that is fitted to the latents of X.

        ``prior``: gaussian, mixture, flow, or one of a plug-in that is fittable. Give the X that
        the model was fitted to. The model's networks stay as they are; a run folder is not changed
        (`reparam fit-prior` does that).
        Raises ConfigError for another prior, DataError for too few images.
        """
        pixels, _, known = self._read(X, labels)
        seed, model = whole(seed, "seed", SEEDS), self.model_
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
        no rate, log p(x|z) at z = encode(x), which bounds nothing. It is of the whole loss: less
        the weighted ``terms``, of which some compare the images of a batch, and with another
        ``objective`` that one's bound, so that models are compared by it only where these are the
        same. ``log_likelihood`` is nearer to log p(x), and takes longer.
        """
        pixels, _, known = self._read(X, labels)
        loss = evaluation_loss(self.model_, self.config_)
        found = scores_of(loss, pixels, known, seed=self.config_.seed)
        return -found.columns["loss_nats"]

    def log_likelihood(
        self, X: object, samples: int = 5000, seed: int = 0, labels: object = None
    ) -> Float[np.ndarray, " N"]:
        """log p(x) of each image in nats, float64 (N,), estimated by importance sampling: a lower
        bound on average, which rises with the ``samples`` (Burda et al. 2016, eq. 8; 5,000 there).

        Each image is decoded ``samples`` times. Of a conditional model it is log p(x|y); of a
        semi-supervised one log p(x), where an image's label is unknown. A binary likelihood is
        meant for images that are black and white. Raises ConfigError for a model without a
        distribution over latents (AE).
        """
        pixels, _, known = self._read(X, labels)
        samples, seed = whole(samples, "samples", COUNTS), whole(seed, "seed", SEEDS)
        return importance_weighted(self.model_, pixels, samples, seed, known)

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``; ``y``: labels, which only conditional models read."""
        return float(self.score_samples(X, y).mean())

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def _fitted(self) -> Autoencoder:
        check_is_fitted(self, "model_")
        return self.model_

    def _own(self, name: str) -> object:
        """One of OWN_OPTIONS."""
        return self.get_params(deep=False)[name]

    def _read(
        self, X: object, labels: object = None
    ) -> tuple[PixelArray, tuple[int, ...], LabelArray | None]:
        """Images as bytes, how one was laid out, and their labels, if the model reads any."""
        pixels, row_shape, own = self._images(X)
        return pixels, row_shape, self._labels(own if labels is None else labels, len(pixels), X)

    def _images(self, X: object) -> tuple[PixelArray, tuple[int, ...], object]:
        """Images as bytes, how one was laid out, and the labels that a Dataset has."""
        model, own = self._fitted(), None
        check_range_is_free(X, self._own("pixel_range"))
        row_shape: tuple[int, ...]
        if isinstance(X, ImageSet):
            pixels, row_shape = X.images, X.image_shape
        elif isinstance(X, Dataset):
            pixels, own = items_of_dataset(X, "X")
            row_shape = pixels.shape[1:]
        else:
            flat = hasattr(self, "n_features_in_")
            X = checked_rows(self, X, flat=flat, reset=False)
            pixels, row_shape = self._to_pixels(X, model.image_shape)
        return pixels, row_shape, own

    def _to_pixels(
        self, X: object, shape: tuple[int, int, int] | None
    ) -> tuple[PixelArray, tuple[int, ...]]:
        clip = is_fit(self._own("pixel_range"))
        return rows_to_pixels(X, shape, self.pixel_range_, clip=clip)

    def _labels(self, labels: object, count: int, X: object = None) -> LabelArray | None:
        name = type(self).__name__
        return labels_for(self.model_, self.class_names_, labels, count, X, name)

    def _as_rows(self, images: Float[np.ndarray, "N H W C"], shape: tuple[int, ...]) -> Rows:
        return images.reshape(len(images), *shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # latents are float32, whatever X is
        return tags
