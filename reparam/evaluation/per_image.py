"""The terms of a run's loss, image by image."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from reparam.evaluation.inference import check_images
from reparam.model import Autoencoder
from reparam.objective import Loss, terms_of_each
from reparam.runs import RunConfig
from reparam.types import IndexArray, LabelArray, PixelArray


@dataclass(frozen=True)
class Scores:
    """One column of figures for N images each, float64, in order.

    - ``distortion_nats``: −log p(x|z); ``rate_nats``: KL(q(z|x) ‖ p), 0 for an AE;
      ``loss_nats``: what epochs compare by, for a VAE the negative ELBO. z is sampled once (an
      AE's is the point). Their means over a split are the losses of the same names in
      result.json, unless these are of corrupted inputs or have a term with parameters.
    - ``squared_error``: Σ (x − decoded)² over pixels and channels, in squared pixels.
    - ``log_likelihood_bound_nats``: −(distortion + rate) for an ELBO, below log p(x); of a model
      with a distribution over latents and of an objective with a rate alone.
    - The objective's other terms; NaN where an image has none, such as the error of its unknown
      label.
    - Every extra term of the loss under its own name, unweighted, except one with parameters or
      buffers of its own: a run keeps these for training alone.
    """

    columns: Mapping[str, Float[np.ndarray, " N"]]

    def __len__(self) -> int:
        return len(self.columns["loss_nats"])


def evaluation_loss(model: Autoencoder, config: RunConfig) -> Loss:
    """The run's loss, of ``model`` and on its device, of images that are not corrupted.

    Without the extra terms that have parameters or buffers of their own: a run keeps these for
    training alone.
    """
    with torch.random.fork_rng(devices=[]):
        terms = [term for term in config.terms if not term.build(model).state_dict()]
        loss = Loss(model, config.objective, terms, replace(config.inputs, corrupt="none"))
    return loss.to(model.device).train(model.training)


def scores_of(
    loss: Loss,
    images: PixelArray,
    labels: LabelArray | None = None,
    seed: int = 0,
    index: IndexArray | None = None,
) -> Scores:
    """Scores each image (N, H, W, C), or those at ``index``, batch by batch.

        scores_of(evaluation_loss(run.load_model(), run.config), images).columns["loss_nats"]

    The same seed gives the same figures on the same kind of device. Raises ShapeError for images
    of another size than the model's.
    """
    model = loss.model
    check_images(model, images)
    each = loss.objective.reported_of_each(terms_of_each(loss, images, labels, index, seed))
    constant = model.likelihood.log_normaliser
    own = {name: each.pop(name) for name in ("distortion", "rate", "loss", "squared_error")}
    bound = {}
    if model.is_variational and loss.objective.has_rate:  # without a rate it bounds nothing
        extra = sum(loss.weights[name] * each[name] for name in loss.terms)
        bound["log_likelihood_bound_nats"] = -(own["loss"] - extra + constant)
    return Scores(
        {
            "distortion_nats": own["distortion"] + constant,
            "rate_nats": own["rate"],
            "loss_nats": own["loss"] + constant,
            "squared_error": own["squared_error"],
            **bound,
            **each,
        }
    )
