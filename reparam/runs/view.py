"""RunView: a finished run with its model, and its held-out images with their latents."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reparam.data import ImageSet, RowReader, Split
from reparam.model import Autoencoder, Distribution, labels_of, posteriors_of
from reparam.runs.metrics import check_lines
from reparam.runs.presets import title_of
from reparam.runs.projection import (
    Projection,
    Scatter,
    chosen_plane,
    principal_plane,
    umap_scatter,
)
from reparam.runs.records import Epoch, Metrics, Result
from reparam.runs.run import Run
from reparam.types import IndexArray, LabelArray, LatentArray, PixelArray

MAX_POINTS = 10_000


@dataclass(frozen=True)
class RunView:
    """One trained run, seen through held-out images.

    ``q`` is the posterior of each image, on the CPU; ``mu`` (N, d) its mean. ``split`` says where
    the images are from; ``index`` (N) are their positions in ``source``, and ``files`` their paths
    in a folder.
    """

    title: str
    run: Run
    model: Autoencoder
    source: ImageSet
    split: Split
    index: IndexArray
    files: tuple[str, ...] | None
    images: PixelArray
    labels: LabelArray | None
    """Their own, or what the model's classifier finds."""
    given_labels: LabelArray | None
    """Their own alone, −1 where unknown: what losses are of."""
    class_names: tuple[str, ...]
    q: Distribution
    metrics: list[Epoch]
    result: Result
    plane: Projection
    """The plane of the pictures: the latent plane itself, principal axes, or two chosen ones."""
    scatter: Scatter | None = None
    """Other places for the dots of the scatter plot, where they were asked for."""

    @property
    def mu(self) -> LatentArray:
        return self.q.mean.numpy()

    def dots(self) -> Scatter:
        """Where the scatter plot shows the images, and what its axes are called."""
        return self.scatter or self.on_plane()

    def on_plane(self) -> Scatter:
        """The held-out images on the plane of the pictures."""
        return Scatter(self.plane.onto(self.mu), self.plane.labels)

    def labels_at(self, rows: Sequence[int] | slice) -> LabelArray | None:
        """Of some of the images: what conditional models read."""
        return None if self.labels is None else self.labels[rows]

    def one_class(self, n: int) -> LabelArray | None:
        """Labels of a picture whose latents are of no image: n times the first class, where the
        model is conditional."""
        return np.zeros(n, np.int64) if self.model.classes else None

    @property
    def is_ink(self) -> bool:
        """Whether the images are grey and lie on a black ground, as digits do: most of their pixels
        are dark. They are shown as ink on paper then, by the explorer too; others as they are.
        """
        is_grey, some = self.images.shape[3] == 1, self.images[:200]
        return is_grey and float((some < 0.25 * 255).mean()) > 0.6

    @property
    def is_variational(self) -> bool:
        return self.model.is_variational

    @property
    def latent_dim(self) -> int:
        return self.model.latent_dim

    @property
    def losses(self) -> Metrics:
        """The finished run's losses on ``split``, by name and unit."""
        return self.result.splits.get(self.split, {})


def ready_to_view(run: Run, device: str = "cpu") -> tuple[Result, list[Epoch], Autoencoder]:
    """What a view needs of the run beside its images, which may take long to read.

    Raises RunError when the run is unfinished, its metrics are cut short, or its weights unusable.
    """
    result = run.finished("its pictures are of a finished run")
    metrics = run.metrics()
    check_lines(run.metrics_file, metrics, result.epochs)
    return result, metrics, run.load_model(device=device)


def look_at(
    run: Run,
    images: ImageSet,
    axes: tuple[int, int] | None = None,
    projection: str = "plane",
    points: int = MAX_POINTS,
    device: str = "cpu",
) -> RunView:
    """Encodes the held-out images (at most ``points``) of ``images`` with the run's best weights.

    ``axes``: the two latent dimensions of the pictures' plane, from 1; by default the principal
    axes where there are more than two. The model is on ``device``. Raises RunError when the run is
    unfinished or has no usable weights, ConfigError for axes that it does not have.
    """
    result, metrics, model = ready_to_view(run, device)
    return view_of(run, model, result, metrics, images, axes, projection, points)


def view_of(
    run: Run,
    model: Autoencoder,
    result: Result,
    metrics: list[Epoch],
    images: ImageSet,
    axes: tuple[int, int] | None = None,
    projection: str = "plane",
    points: int = MAX_POINTS,
) -> RunView:
    """The same of a ``model`` that is in memory; nothing is read from the run's folder."""
    split = images.held_out()
    chosen = images.splits[split][:points]
    pixels = RowReader(images.images).take(chosen)
    given = None if images.labels is None else images.labels[chosen]
    labels = labels_of(model, pixels, given)
    q = posteriors_of(model, pixels, labels)
    mu = q.mean.numpy()
    return RunView(
        title=title_of(run.config),
        run=run,
        model=model,
        source=images,
        split=split,
        index=chosen,
        files=None if images.files is None else tuple(images.files[i] for i in chosen),
        images=pixels,
        labels=labels,
        given_labels=given,
        class_names=images.class_names,
        q=q,
        metrics=metrics,
        result=result,
        scatter=umap_scatter(mu) if projection == "umap" else None,
        plane=chosen_plane(mu, axes) if axes else principal_plane(mu),
    )


def with_distinct_titles(views: Sequence[RunView]) -> list[RunView]:
    """The views; where several have one title, each has its folder's name in it too, and where
    these are the same a number.
    """
    titles = [view.title for view in views]
    named = [
        f"{view.title} ({view.run.path.resolve().name})" if titles.count(view.title) > 1 else title
        for view, title in zip(views, titles, strict=True)
    ]
    return [replace(v, title=t) for v, t in zip(views, numbered(named, " "), strict=True)]


def numbered(names: Sequence[str], between: str = "-", taken: Collection[str] = ()) -> list[str]:
    """The names, each with a number behind it where it would be the same as one before."""
    found: list[str] = []
    for name in names:
        candidates = (f"{name}{between}{n}" if n > 1 else name for n in itertools.count(1))
        found.append(next(c for c in candidates if c not in taken and c not in found))
    return found
