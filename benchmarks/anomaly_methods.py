"""Detectors that benchmarks/anomaly.py compares: reparam's, and what people would take instead.

Each is trained on good pictures and scores others; all see the same bytes, (n, H, W, C).
"""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from textures import write_good
from torch.nn import functional as F

from reparam.evaluation import Pictures, load_detector
from reparam.features import feature_maps
from reparam.runs import Run

BANK = 10_000
"""Places of training pictures among which the nearest is looked for, at random out of all."""

MAPS = slice(1, 4)
"""Of the network's maps, those at 1/4, 1/8 and 1/16 of the resolution: 24 + 40 + 112 features, as
PaDiM takes three stages of its network."""


@dataclass(frozen=True)
class Scored:
    """``scores`` (n,) of the pictures, ``maps`` (n, H, W) where the method has one."""

    scores: np.ndarray
    maps: np.ndarray | None
    seconds: float
    """Of training and scoring."""
    note: str = ""


@dataclass(frozen=True)
class Problem:
    """``good``: pictures by split, or those of ``train`` alone, of which reparam holds some out.
    ``local``: a defect is a part of the picture, and its place matters.
    """

    good: dict[str, np.ndarray]
    test: np.ndarray
    local: bool
    seed: int
    folder: Path
    """Free for files of the method's own."""
    words: tuple[str, ...] = ()
    """Flags for `reparam anomaly fit`."""

    @property
    def train(self) -> np.ndarray:
        return self.good["train"]


Method = Callable[[Problem], tuple[np.ndarray, np.ndarray | None, str]]


def scored(method: str, problem: Problem) -> Scored:
    began = time.perf_counter()
    scores, maps, note = METHODS[method][1](problem)
    return Scored(scores, maps, time.perf_counter() - began, note)


def fitted_run(folder: Path, good: dict[str, np.ndarray], seed: int, words: tuple[str, ...]) -> Run:
    """What `reparam anomaly fit` makes in a folder with its default options; one that is finished
    is taken as it is.
    """
    run, done = folder / "run", folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        source = folder / ("good" if len(good) > 1 else "good.npy")
        if len(good) > 1:
            write_good(good, source)
        else:
            np.save(source, good["train"])
        given = ["anomaly", "fit", str(source), "--out", str(run)]
        given += ["--seed", str(seed), "--quiet", *words]
        subprocess.run([sys.executable, "-m", "reparam", *given], check=True)
        done.touch()
    return Run.open(run)


def own(problem: Problem) -> tuple[np.ndarray, np.ndarray | None, str]:
    """`reparam anomaly fit` with its default options, and what decides its verdicts."""
    run = fitted_run(problem.folder, problem.good, problem.seed, problem.words)
    detector = load_detector(run)
    pictures = Pictures(problem.test, np.arange(len(problem.test)))
    found = detector.detect(pictures, maps=problem.local)
    known = detector.calibration
    return found.score, found.maps, f"decided by {known.decider}, map of {known.map_score}"


def pca(problem: Problem) -> tuple[np.ndarray, np.ndarray | None, str]:
    """What principal components of 95 % of the variance leave of a picture, squared."""
    rows = [x.reshape(len(x), -1).astype(np.float32) / 255 for x in (problem.train, problem.test)]
    model = PCA(0.95, svd_solver="full").fit(rows[0])
    left = np.square(rows[1] - model.inverse_transform(model.transform(rows[1])))
    maps = left.reshape(problem.test.shape).mean(-1)
    note = f"{model.n_components_} components"
    if not problem.local:
        return maps.mean((1, 2)), maps, note
    maps = _smooth(maps)
    return maps.max((1, 2)), maps, note


def forest(problem: Problem) -> tuple[np.ndarray, np.ndarray | None, str]:
    """An isolation forest of pixels (Liu et al. 2008), with scikit-learn's defaults."""
    rows = [x.reshape(len(x), -1) / 255 for x in (problem.train, problem.test)]
    model = IsolationForest(random_state=problem.seed).fit(rows[0])
    return -model.score_samples(rows[1]), None, ""


def nearest(problem: Problem) -> tuple[np.ndarray, np.ndarray | None, str]:
    """The distance to the nearest good features: of whole pictures the mean of two (Bergman et al.
    2020), of parts each place's to the nearest of any place (Roth et al. 2022, with a bank drawn at
    random).
    """
    if not problem.local:
        model = NearestNeighbors(n_neighbors=2).fit(_features(problem.train, 0))
        return model.kneighbors(_features(problem.test, 0))[0].mean(1), None, ""
    train, test = (_features(x, 4) for x in (problem.train, problem.test))
    bank = train.transpose(0, 2, 3, 1).reshape(-1, train.shape[1])
    bank = bank[np.random.default_rng(problem.seed).permutation(len(bank))[:BANK]]
    model = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(bank)
    places = test.transpose(0, 2, 3, 1)
    maps = model.kneighbors(places.reshape(-1, test.shape[1]))[0].reshape(places.shape[:3])
    return _of_places(maps, problem.test.shape[1:3])


def padim(problem: Problem) -> tuple[np.ndarray, np.ndarray | None, str]:
    """PaDiM (Defard et al. 2021): a Gaussian of the features at each place, with 0.01 I added to
    its covariance, and the Mahalanobis distance from it. All 176 features are taken.
    """
    stride = 4 if problem.local else 16
    train, test = (_features(x, stride) for x in (problem.train, problem.test))
    maps = np.empty((len(test), *test.shape[2:]), np.float32)
    for place in np.ndindex(*test.shape[2:]):
        good, new = train[:, :, *place], test[:, :, *place]
        covariance = np.cov(good, rowvar=False) + 0.01 * np.eye(good.shape[1])
        whitened = np.linalg.solve(np.linalg.cholesky(covariance), (new - good.mean(0)).T)
        maps[:, *place] = np.linalg.norm(whitened, axis=0)
    return _of_places(maps, problem.test.shape[1:3])


def _of_places(
    maps: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray | None, str]:
    whole = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(maps, np.float32))[:, None],
        size,
        mode="bilinear",
        align_corners=False,
    )
    smooth = _smooth(whole[:, 0].numpy())
    return smooth.max((1, 2)), smooth, ""


def _smooth(maps: np.ndarray) -> np.ndarray:
    """PaDiM's σ of 4 pixels is for pictures of 224; here it is as large a share of the side."""
    return gaussian_filter(maps, (0, *(side * 4 / 224 for side in maps.shape[1:])))


def _features(images: np.ndarray, stride: int) -> np.ndarray:
    digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    _PIXELS[digest] = images
    try:
        return _computed(digest, stride)
    finally:
        del _PIXELS[digest]


_PIXELS: dict[str, np.ndarray] = {}


@lru_cache(maxsize=4)
def _computed(digest: str, stride: int) -> np.ndarray:
    """(n, 176, h, w) features, one place for ``stride`` × ``stride`` pixels of the picture as the
    network sees it (64 pixels a side at least), or with a stride of 0 (n, 320), of the whole.
    """
    network, parts = feature_maps("imagenet"), []
    for some in np.array_split(_PIXELS[digest], -(-len(_PIXELS[digest]) // 100)):
        x = torch.from_numpy(some).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            if stride == 0:
                parts.append(network.pooled(x).numpy())
                continue
            maps = list(network.maps(x))[MAPS]
            size = tuple(-(-side * 4 // stride) for side in maps[0].shape[2:])
            at = [
                F.adaptive_avg_pool2d(m, size)
                if m.shape[2] > size[0]
                else F.interpolate(m, size, mode="bilinear", align_corners=False)
                for m in maps
            ]
            parts.append(torch.cat(at, 1).numpy())
    return np.concatenate(parts)


METHODS: dict[str, tuple[str, Method]] = {
    "own": ("`reparam anomaly fit`", own),
    "pca": ("PCA reconstruction", pca),
    "nearest": ("nearest neighbour, ImageNet features", nearest),
    "padim": ("PaDiM, ImageNet features", padim),
    "forest": ("isolation forest of pixels", forest),
}
