"""How far the features of an image are from those of good ones; no reconstruction is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from jaxtyping import Float
from torch.nn import functional as F

from reparam.evaluation.anomaly.scores.base import (
    ANOMALY_SCORES,
    PICTURES,
    Fitted,
    Good,
    Maps,
    Seen,
)
from reparam.evaluation.anomaly.scores.features import (
    OfNetwork,
    OfSomeMaps,
    enlarge,
    reach_of,
    stride_of,
)
from reparam.evaluation.anomaly.scores.latents import enough, mean_of_nearest, squared_distances
from reparam.evaluation.anomaly.scores.places import Places, distances, gaussians
from reparam.features import FeatureMap
from reparam.fields import option
from reparam.types import PerExample

SIDE = 32
"""Places along a side of a picture, at most; of an enlarged one half of them."""

CANDIDATES = 20_000
"""Features of places that a memory is chosen from, at most, drawn at random out of all."""

PROJECTED = 64
"""Random projections in which it is chosen."""

SEED = 0
"""Of what is drawn: the same pictures, the same score."""


@ANOMALY_SCORES.register("feature-neighbours")
@dataclass(frozen=True)
class FeatureNeighbours(OfNetwork):
    """The mean distance to the nearest good training pictures, in features (Bergman et al. 2020).

    The paper's DN2: features are the mean over places of a network's deepest map.
    """

    count: int = option(2, least=1)
    """How many of the nearest."""

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        """Raises DataError for fewer pictures than neighbours."""
        rows = torch.cat([x.cpu() for x in good.look(self._pooled, PICTURES)])
        return {"features": enough(rows, self.count, self.type)}

    def _pooled(self, seen: Seen) -> Float[torch.Tensor, "B F"]:
        return seen.enlarged.maps(self.network)[-1].float().mean((2, 3))

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        return mean_of_nearest(self._pooled(seen).cpu(), fitted["features"], self.count), None


@ANOMALY_SCORES.register("padim")
@dataclass(frozen=True)
class Padim(OfSomeMaps):
    """PaDiM (Defard et al. 2021): at each place the Mahalanobis distance of its features.

    To a Gaussian of the good training pictures' features there, of all maps but the first. The
    image's is the largest.
    """

    features: int = option(100, least=1)
    """How many features are taken, drawn at random (section 3.2); a run keeps the square of it for
    each of up to 1,024 places."""

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        batches = good.look(self._places, PICTURES)
        first = next(batches)
        mixed = torch.randperm(first.shape[1], generator=_generator())
        kept = mixed[: self.features].sort().values
        some = (x.cpu()[:, kept] for x in chain([first], batches))
        return {"kept": kept, **gaussians(some, ridge=0.01)}  # eq. 1

    def _places(self, seen: Seen) -> Places:
        return at_places(beyond_edges(seen.enlarged.maps(self.network, self.depth)), seen)

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        x = self._places(seen)
        far = distances(x[:, fitted["kept"].to(x.device)], fitted)
        return far.amax((1, 2)), enlarge(far, seen, reach_of_places(self, seen))


@ANOMALY_SCORES.register("patchcore")
@dataclass(frozen=True)
class PatchCore(OfSomeMaps):
    """PatchCore (Roth et al. 2022): at each place the distance to the nearest good features.

    Features are averaged over 3 × 3 places, of all maps but the first; the good ones are a memory
    of any place. The image's is the largest, without the paper's weights (eq. 7).
    """

    memory: int = option(1000, least=1)
    """How many features of places are kept: those that are farthest from each other (algorithm 1).
    """

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        generator = _generator()
        share = -(-CANDIDATES // min(PICTURES, len(good.pictures)))
        some = []
        for x in good.look(self._places, PICTURES):
            rows = x.cpu().permute(0, 2, 3, 1).flatten(0, 2)
            mixed = torch.randperm(len(rows), generator=generator)
            some.append(rows[mixed[: share * len(x)]])
        return {"memory": greedy_coreset(torch.cat(some), self.memory, generator)}

    def _places(self, seen: Seen) -> Places:
        maps = beyond_edges(seen.enlarged.maps(self.network, self.depth))
        return at_places([F.avg_pool2d(m, 3, 1, 1, count_include_pad=False) for m in maps], seen)

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        x = self._places(seen)
        memory = fitted["memory"].to(x.device)
        middle = memory.mean(0)  # float32 has more digits for what is near 0
        rows = x.flatten(2).transpose(1, 2) - middle
        parts = (memory - middle).split(100)
        near = torch.stack([squared_distances(rows, part).amin(2) for part in parts])
        far = near.amin(0).clamp(min=0).sqrt()
        return far.amax(1), enlarge(
            far.unflatten(1, x.shape[2:]), seen, reach_of_places(self, seen)
        )


def beyond_edges(maps: Sequence[FeatureMap]) -> Sequence[FeatureMap]:
    """Without the first map, which is of edges, where there are more."""
    return maps[1:] or maps


def at_places(maps: Sequence[FeatureMap], seen: Seen) -> Places:
    """Several maps at the places of the first, of which there are at most SIDE × SIDE."""
    first = maps[0].float()
    stride = stride_of(_sides(first), _most(seen))
    if stride > 1:
        first = F.avg_pool2d(first, stride, ceil_mode=True)
    size = first.shape[2:]
    others = [
        F.interpolate(m.float(), size, mode="bilinear", align_corners=False) for m in maps[1:]
    ]
    return torch.cat([first, *others], 1)


def reach_of_places(of: OfSomeMaps, seen: Seen) -> tuple[float, float]:
    """`reach_of` the places that ``at_places`` makes of the score's maps."""
    sides = _sides(beyond_edges(seen.enlarged.maps(of.network, of.depth))[0])
    return reach_of(sides, stride_of(sides, _most(seen)))


def _sides(first: FeatureMap) -> list[int]:
    return [int(side) for side in first.shape[2:]]  # a trace has tensors here


def _most(seen: Seen) -> int:
    """Places along a side of the first map."""
    return SIDE if seen.enlarged is seen else SIDE // 2


def greedy_coreset(
    rows: Float[torch.Tensor, "N K"], count: int, generator: torch.Generator
) -> Float[torch.Tensor, "_ K"]:
    """``count`` of the rows that cover all: each next one is the farthest from those before, in
    random projections (greedy k-centre, algorithm 1 of Roth et al. 2022).
    """
    if len(rows) <= count:
        return rows
    if len(rows) > CANDIDATES:
        rows = rows[torch.randperm(len(rows), generator=generator)[:CANDIDATES]]
    seen = rows @ torch.randn(rows.shape[1], PROJECTED, generator=generator)
    chosen = torch.zeros(count, dtype=torch.int64)
    nearest = torch.full((len(rows),), torch.inf)
    for i in range(1, count):
        nearest = nearest.minimum((seen - seen[chosen[i - 1]]).square().sum(1))
        chosen[i] = nearest.argmax()
    return rows[chosen]


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
