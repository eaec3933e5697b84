"""What the figures look at: a run, its model, and its held-out images with their latents."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from reparam.data import ImageSet
from reparam.evaluation import encode, posterior_parameters
from reparam.model import Autoencoder
from reparam.objective import Weight
from reparam.report.projection import Projection, principal_plane
from reparam.training import Run, RunConfig
from reparam.types import LabelArray, LatentArray, PixelArray

MAX_POINTS = 10_000
MAX_TRAINING_LATENTS = 10_000


@dataclass(frozen=True)
class RunView:
    """One trained run, seen through held-out images.

    ``mu`` and ``log_var`` are (N, d), ``log_var`` None for a point posterior; ``train_mu`` holds
    the latents of (at most 10,000) training images. ``split`` says where the images are from.
    """

    title: str
    run: Run
    config: RunConfig
    model: Autoencoder
    split: str
    images: PixelArray
    labels: LabelArray | None
    class_names: tuple[str, ...]
    mu: LatentArray
    log_var: LatentArray | None
    train_mu: Float[np.ndarray, "M d"]
    metrics: list[dict[str, Any]]
    result: dict[str, Any]

    @property
    def is_variational(self) -> bool:
        return self.log_var is not None

    @property
    def latent_dim(self) -> int:
        return self.model.latent_dim

    @cached_property
    def plane(self) -> Projection:
        """The plane of the scatter plots: the latent plane itself, or principal axes."""
        return principal_plane(self.mu)

    @property
    def weight(self) -> Weight:
        dimensions = int(np.prod(self.model.image_shape))
        return Weight(self.config.objective.r_loss_factor, dimensions)

    @property
    def losses(self) -> dict[str, float]:
        """The finished run's losses on ``split``, by name and unit."""
        return self.result.get(self.split, {})


def look_at(run: Run, images: ImageSet) -> RunView:
    """Encodes the held-out images (at most 10,000) of ``images`` with the run's best weights.

    Raises RunError when the run has no usable weights.
    """
    config = run.config()
    model = run.load_model()
    split = images.held_out()
    chosen = images.splits[split][:MAX_POINTS]
    pixels = images.images[chosen]
    parameters = posterior_parameters(model, pixels)
    training = images.split_images("train")[:MAX_TRAINING_LATENTS]
    return RunView(
        title=_title(config),
        run=run,
        config=config,
        model=model,
        split=split,
        images=pixels,
        labels=None if images.labels is None else images.labels[chosen],
        class_names=images.class_names,
        mu=parameters["mu"],
        log_var=parameters.get("log_var"),
        train_mu=encode(model, training),
        metrics=run.metrics(),
        result=run.result() or {},
    )


def _title(config: RunConfig) -> str:
    names = {"ae": "AE", "vae": "VAE", "dae": "denoising AE", "ae-functional": "AE (second form)"}
    return names.get(config.preset, config.preset)


def examples_by_class(view: RunView, n: int) -> list[int]:
    """n indices of held-out images, going round the classes where there are labels."""
    if view.labels is None:
        return list(range(min(n, len(view.images))))
    queues = [list(np.flatnonzero(view.labels == c)) for c in range(len(view.class_names))]
    order = [int(q[k]) for k in range(n) for q in queues if k < len(q)]
    return order[:n]
