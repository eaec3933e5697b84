"""What the figures look at: a run, its model, and its held-out images with their latents."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reparam.data import ImageSet, RowReader
from reparam.errors import RunError
from reparam.evaluation import posterior_parameters
from reparam.model import Autoencoder
from reparam.objective import Weight
from reparam.report.projection import (
    Projection,
    Scatter,
    chosen_plane,
    principal_plane,
    umap_scatter,
)
from reparam.training import Run, RunConfig
from reparam.types import LabelArray, LatentArray, PixelArray

MAX_POINTS = 10_000


@dataclass(frozen=True)
class RunView:
    """One trained run, seen through held-out images.

    ``mu`` and ``log_var`` are (N, d), ``log_var`` None for a point posterior. ``split`` says where
    the images are from.
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
    metrics: list[dict[str, Any]]
    result: dict[str, Any]
    plane: Projection
    """The plane of the pictures: the latent plane itself, principal axes, or two chosen ones."""
    scatter: Scatter | None = None
    """Other places for the dots of the scatter plot, where they were asked for."""

    def dots(self) -> Scatter:
        """Where the scatter plot shows the images, and what its axes are called."""
        return self.scatter or self.on_plane()

    def on_plane(self) -> Scatter:
        """The held-out images on the plane of the pictures."""
        return Scatter(self.plane.onto(self.mu), self.plane.labels)

    @property
    def is_variational(self) -> bool:
        return self.log_var is not None

    @property
    def latent_dim(self) -> int:
        return self.model.latent_dim

    @property
    def weight(self) -> Weight:
        dimensions = int(np.prod(self.model.image_shape))
        return Weight(self.config.objective.r_loss_factor, dimensions)

    @property
    def losses(self) -> dict[str, float]:
        """The finished run's losses on ``split``, by name and unit."""
        return self.result.get(self.split, {})


def look_at(
    run: Run,
    images: ImageSet,
    axes: tuple[int, int] | None = None,
    projection: str = "plane",
    points: int = MAX_POINTS,
) -> RunView:
    """Encodes the held-out images (at most ``points``) of ``images`` with the run's best weights.

    ``axes``: the two latent dimensions of the pictures' plane, from 1; by default the principal
    axes where there are more than two. Raises RunError when the run is unfinished or has no usable
    weights, ConfigError for axes that it does not have.
    """
    config = run.config()
    result = run.result()
    if result is None:
        raise RunError(
            f"{run.path}: its training is not finished; go on with `reparam resume {run.path}`"
        )
    metrics = run.metrics()
    if len(metrics) < result["epochs"]:
        raise RunError(
            f"{run.metrics_file}: {result['epochs']} epochs were trained, found {len(metrics)} "
            "lines: it was cut short; restore it, or train the run again"
        )
    model = run.load_model()
    split = images.held_out()
    chosen = images.splits[split][:points]
    pixels = RowReader(images.images).take(chosen)
    parameters = posterior_parameters(model, pixels)
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
        metrics=metrics,
        result=result,
        scatter=umap_scatter(parameters["mu"]) if projection == "umap" else None,
        plane=chosen_plane(parameters["mu"], axes) if axes else principal_plane(parameters["mu"]),
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
