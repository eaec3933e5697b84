"""What a score of anomaly is given, what it gives, and its registry."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch.nn import functional as F

from reparam.data import from_bytes
from reparam.features import FeatureMap, feature_maps
from reparam.model import (
    Autoencoder,
    Distribution,
    each_batch,
    in_batches,
)
from reparam.registry import Part, Registry
from reparam.types import (
    Images,
    IndexArray,
    LabelArray,
    Labels,
    LatentArray,
    PerExample,
    PixelArray,
)

SMALL, LARGE = 64, 128
"""Pixels of the shorter side: pictures are enlarged up to LARGE, unless twice their size is at most
SMALL."""

PICTURES = 2_000
"""Good training pictures that a score learns from, at most, evenly spread over all."""

Maps = Float[torch.Tensor, "B H W"]
"""How anomalous each pixel is; higher is more."""

Fitted = Mapping[str, torch.Tensor]
"""What a score learned from good pictures, on the CPU, by name."""

ScoreNeed = Literal["density"]
"""density: a distribution over latents for each image."""


@dataclass(frozen=True)
class Scored:
    """``image`` (N,), float64: how anomalous each image is. ``maps`` (N, H, W), float32: the
    same of each pixel, where the score says it. Higher is more anomalous.
    """

    image: Float[np.ndarray, " N"]
    maps: Float[np.ndarray, "N H W"] | None = None


@dataclass(frozen=True)
class Pictures:
    """Some images of a set (N, H, W, C), which stays where it is: those at ``index`` (M).

    ``labels`` (N), for conditional models, and ``files`` (N) are of the whole set.
    """

    images: PixelArray
    index: IndexArray
    labels: LabelArray | None = None
    files: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def names(self) -> tuple[str, ...]:
        """Each one's file, or where there are none its position in the set."""
        return tuple(str(i) if self.files is None else self.files[i] for i in self.index)

    def only(self, rows: IndexArray) -> "Pictures":
        """Those at these places among them."""
        return replace(self, index=self.index[rows])


@dataclass(frozen=True)
class Good:
    """The good pictures that a model was trained on, some of them at most."""

    model: Autoencoder
    pictures: Pictures

    @cached_property
    def latents(self) -> LatentArray:
        """The posteriors' means (M, d)."""
        of = self.pictures
        return in_batches(
            self.model,
            of.images,
            lambda x, labels: self.model.encode(from_bytes(x), labels),
            of.index,
            of.labels,
        ).numpy()

    def look(self, at: "Callable[[Seen], torch.Tensor]", most: int) -> Iterator[torch.Tensor]:
        """What a function makes of each batch, of ``most`` pictures that are spread evenly."""
        of = self.pictures
        index = of.index[np.linspace(0, len(of) - 1, min(len(of), most)).astype(np.int64)]

        def seen(x: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
            return at(Seen(self.model, from_bytes(x), labels))

        return each_batch(self.model, of.images, seen, index, of.labels)


@dataclass(frozen=True)
class Seen:
    """A batch of images, and what the model makes of it, computed once for all scores.

    All tensors are on the model's device.
    """

    model: Autoencoder
    images: Images
    labels: Labels | None = None

    @cached_property
    def posterior(self) -> Distribution:
        """q(z|x)."""
        return self.model.infer(self.images, self.labels)

    @cached_property
    def decoded(self) -> Images:
        """The reconstruction from the posterior's mean, in [0, 1]."""
        return self.model.decode(self.posterior.mean, self.labels).clamp(0, 1)

    @cached_property
    def enlarged(self) -> "Seen":
        """The same twice as large, or as LARGE pixels: a network of much larger pictures has few
        places in small ones, and is not used to what they show. Those that would have at most SMALL
        pixels stay as they are: there is little to see in them, and it takes four times as long.
        """
        height, width, _ = self.model.image_shape
        scale = min(2, LARGE / min(height, width))
        if scale <= 1 or scale * min(height, width) <= SMALL:
            return self
        size = (round(height * scale), round(width * scale))
        images = F.interpolate(self.images, size, mode="bilinear", align_corners=False)
        return Seen(self.model, images)

    @cached_property
    def _read(self) -> dict[str, tuple[list[FeatureMap], Iterator[FeatureMap]]]:
        """By network the maps that were asked for, and what gives deeper ones."""
        return {}

    def maps(self, network: str, depth: int | None = None) -> list[FeatureMap]:
        """The first ``depth`` of a network's maps of the images, or all; each is computed once."""
        if network not in self._read:
            whole = feature_maps(network, self.images.device).maps(self.images)
            self._read[network] = [], iter(whole)
        known, deeper = self._read[network]
        known.extend(islice(deeper, None if depth is None else max(0, depth - len(known))))
        return known[:depth]


@dataclass(frozen=True)
class AnomalyScore(Part):
    """The options of a score; called with images, it says how anomalous they are.

    The score of an image must not depend on the other images of its batch: p-values rest on it.
    """

    requires: ClassVar[tuple[ScoreNeed, ...]] = ()

    no_onnx: ClassVar[str] = ""
    """Why it cannot be part of an ONNX file, such as "draws latents"; "" where it can."""

    def lacking(self, model: Autoencoder) -> str:
        """Why the score is left out for this model; "" where it is not."""
        if "density" in self.requires and not model.is_variational:
            return "needs a distribution over latents, and this model gives points (AE)"
        return ""

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        """What has to be known of good pictures, as tensors on the CPU that are kept."""
        return {}

    @abstractmethod
    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        """Of each image (B,), and of each of its pixels (B, H, W) where the score says it.

        ``fitted``: what ``fit`` gave. Without gradients.
        """


ANOMALY_SCORES: Registry[AnomalyScore] = Registry("score", AnomalyScore, several=True)
"""How anomalous a picture is, by name."""
