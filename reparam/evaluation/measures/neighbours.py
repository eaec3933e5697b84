"""Whether the latent space keeps neighbours: of images, and of classes."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Real

from reparam.evaluation.measures.measured import Measured, absent, mean_of, share_of
from reparam.types import IndexArray, LabelArray, LatentArray

NEIGHBOURS = 10
MOST = 2000
"""Images of trustworthiness, continuity and silhouette, which need all distances."""

MOST_TRAINING = 20_000
"""Training latents among which the classifier looks for neighbours."""

COLUMNS = 4096
"""Of the images whose distances are computed at a time, so that they are never all floats."""

NO_LABELS = "needs labels, and these images have none"

Flat = Real[np.ndarray, "N p"]
"""Bytes, or floats."""
TrainLatents = Float[np.ndarray, "T d"]
TrainLabels = Int[np.ndarray, " T"]


def neighbours(
    pixels_of: Callable[[IndexArray], Flat],
    z: LatentArray,
    labels: LabelArray | None,
    rng: np.random.Generator,
    train_z: TrainLatents | None = None,
    train_labels: TrainLabels | None = None,
    k: int = NEIGHBOURS,
) -> dict[str, Measured]:
    """``trustworthiness``, ``continuity``, ``knn_accuracy`` and ``silhouette``, with k neighbours.

    ``pixels_of``: some of the images that the latents are of, as rows.

    - trustworthiness, in [0, 1]: 1 − penalties for neighbours in z that are none among the images
      (Venna & Kaski 2001); continuity: the same with the roles swapped. On at most 2,000
      images; distances are Euclidean, between pixels and between latents.
    - knn_accuracy, in [0, 1]: k-nearest-neighbour classifier from training latents (at most 20,000)
      to all held-out ones. The note says how many the most frequent class alone would get right.
    - silhouette, in [−1, 1]: of the classes in z (Rousseeuw 1987), on at most 2,000 images.

    Each is a mean over images, whose bootstrap takes neighbourhoods as they are: a resampled image
    is never searched for among its own copies.
    """
    n = min(len(z), MOST)
    kept = np.sort(rng.choice(len(z), n, replace=False))
    subset = f"k = {k}; {n:,} of {len(z):,} images"
    found: dict[str, Measured] = {}
    pixels, latents = pixels_of(kept), z[kept]
    if n < 2 * k + 2:
        why = f"{k} neighbours need at least {2 * k + 2} images, got {n}"
        found["trustworthiness"] = found["continuity"] = absent(why)
    else:
        nearest = {name: _ranks(x) for name, x in (("x", pixels), ("z", latents))}
        for name, (truth, shown) in {
            "trustworthiness": ("x", "z"),
            "continuity": ("z", "x"),
        }.items():
            each = _kept_share(nearest[truth], nearest[shown], k)
            found[name] = mean_of(each, note=subset, at=kept)
    found["knn_accuracy"] = _knn_accuracy(z, labels, train_z, train_labels, k, rng)
    found["silhouette"] = _silhouette(
        latents, None if labels is None else labels[kept], kept, len(z)
    )
    return found


def _ranks(x: Real[np.ndarray, "n p"]) -> Int[np.ndarray, "n n"]:
    """``ranks[i, j]``: j is the ranks[i, j]-th nearest to i, from 1 on; i itself has rank 0."""
    n = len(x)
    distance = np.zeros((n, n))
    for start in range(0, x.shape[1], COLUMNS):
        part = np.asarray(x[:, start : start + COLUMNS], np.float64)
        part = part - part.mean(0)
        squares = np.square(part).sum(1)
        distance += squares[:, None] + squares - 2 * (part @ part.T)
    np.fill_diagonal(distance, -np.inf)
    order = np.argsort(distance, axis=1, kind="stable")
    ranks = np.empty((n, n), np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(n), (n, n)), 1)
    return ranks


def _kept_share(
    truth: Int[np.ndarray, "n n"], shown: Int[np.ndarray, "n n"], k: int
) -> Float[np.ndarray, " n"]:
    """Trustworthiness image by image, which scikit-learn gives only as a mean over them."""
    n = len(truth)
    intruders = (shown >= 1) & (shown <= k) & (truth > k)
    penalty = np.where(intruders, truth - k, 0).sum(1)
    return 1 - penalty * (2 / (k * (2 * n - 3 * k - 1)))


def _knn_accuracy(
    z: LatentArray,
    labels: LabelArray | None,
    train_z: TrainLatents | None,
    train_labels: TrainLabels | None,
    k: int,
    rng: np.random.Generator,
) -> Measured:
    if labels is None or train_labels is None or labels.max() < 0:
        return absent(NO_LABELS)
    if train_z is None:
        return absent("needs the training split's latents")
    (at,), known = np.nonzero(labels >= 0), train_labels >= 0
    z, labels, train_z, train_labels = z[at], labels[at], train_z[known], train_labels[known]
    if len(train_z) < k:
        return absent(f"{k} neighbours need at least {k} training latents, got {len(train_z)}")
    if len(train_z) > MOST_TRAINING:
        some = rng.choice(len(train_z), MOST_TRAINING, replace=False)
        train_z, train_labels = train_z[some], train_labels[some]
    from sklearn.neighbors import KNeighborsClassifier  # takes half a second, as below

    classifier = KNeighborsClassifier(k).fit(train_z, train_labels)
    right = classifier.predict(z) == labels
    most_frequent = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
    note = f"k = {k}; neighbours among {len(train_z):,} training latents"
    return share_of(right, note=f"{note}; chance is {most_frequent:.3f}", at=at)


def _silhouette(
    latents: LatentArray,
    labels: LabelArray | None,
    kept: IndexArray,
    total: int,
) -> Measured:
    if labels is None:
        return absent(NO_LABELS)
    latents, kept, labels = (values[labels >= 0] for values in (latents, kept, labels))
    classes = len(np.unique(labels))
    if not 2 <= classes < len(labels):
        of = f" of {len(labels)} images" if classes > 1 else ""
        return absent(
            f"a silhouette needs at least 2 classes, and one of 2 images, got {classes}{of}"
        )
    from sklearn.metrics import silhouette_samples

    each = silhouette_samples(latents, labels)
    return mean_of(each, note=f"{len(latents):,} of {total:,} images", at=kept)
