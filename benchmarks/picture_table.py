"""What the trainings of pictures.py come to: measures of the reconstructions, tables, a grid."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from peers.picture_job import RECONSTRUCTIONS, PictureReply
from PIL import Image
from results import spread

from reparam.data import contact_sheet, to_picture
from reparam.evaluation import image_quality

NO_FEATURES = "none"
MEGA = 1e6
SHOWN, COLUMNS = 32, 16
NARROW = 64
"""Pictures wider than that stand in half as many columns, so that a page shows what is in them."""

FEATURE_BATCH = 32


@dataclass(frozen=True)
class Measures:
    """Of the reconstructions of all held-out pictures."""

    psnr: float
    """10 · log10(1 / MSE) of the mean squared error over all pictures, in dB: a picture that is
    copied exactly does not make it infinite."""
    ssim: float
    """Wang et al. 2004: the mean over pictures."""
    distance: float | None = None
    """The mean over pictures of the distance in feature maps."""


@dataclass(frozen=True)
class Cell:
    """One method with one seed."""

    seed: int
    reply: PictureReply
    commit: str
    folder: Path
    measures: Measures | None = None


Found = dict[str, list[Cell]]
"""Method → its seeds."""


def measures_of(found: np.ndarray, originals: np.ndarray, features: str = NO_FEATURES) -> Measures:
    """Both bytes (N, H, W, C); ``features`` names reparam's network, or is "none"."""
    quality = image_quality(found, originals)
    mse = quality.mse.mean
    return Measures(
        psnr=10 * math.log10(1 / mse) if mse else math.inf,
        ssim=quality.ssim.mean,
        distance=None if features == NO_FEATURES else distance(found, originals, features),
    )


@torch.no_grad()
def distance(found: np.ndarray, originals: np.ndarray, features: str) -> float:
    """The mean over pictures of reparam's distance in the maps of this network."""
    from reparam.features import feature_maps, map_distance  # imported late: weights of an extra

    network, total = feature_maps(features), 0.0
    for start in range(0, len(originals), FEATURE_BATCH):
        a, b = (
            torch.from_numpy(x[start : start + FEATURE_BATCH]).permute(0, 3, 1, 2).float() / 255
            for x in (found, originals)
        )
        total += float(map_distance(network.maps(a), network.maps(b)).sum())
    return total / len(originals)


def measured(cell: Cell, originals: Path, features: str) -> Cell:
    """The cell with its measures, which are kept beside the reconstructions."""
    kept = cell.folder / f"measures-{features}.json"
    found = cell.folder / RECONSTRUCTIONS
    if not kept.exists() or kept.stat().st_mtime < found.stat().st_mtime:
        measures = measures_of(np.load(found), np.load(originals), features)
        kept.write_text(json.dumps(asdict(measures)), encoding="utf-8")
    return replace(cell, measures=Measures(**json.loads(kept.read_text(encoding="utf-8"))))


def tables(found: dict[str, Found], folders: dict[str, Path], titles: dict[str, str]) -> str:
    """One for each set; ``folders`` have its train.npy and test.npy."""
    return "\n\n".join(
        _one(name, of_set, folders[name], titles) for name, of_set in found.items() if of_set
    )


def _one(name: str, found: Found, folder: Path, titles: dict[str, str]) -> str:
    train, test = (np.load(folder / f"{split}.npy", "r") for split in ("train", "test"))
    height, width, channels = test.shape[1:]
    lines = [
        f"### {name}: {height} × {width} × {channels}",
        "",
        f"{len(train):,} training pictures, {len(test):,} held-out ones; the mean training picture "
        f"has a PSNR of {mean_picture_psnr(train, test):.2f} dB.",
        "",
        "| | PSNR, dB | SSIM | feature distance | numbers in a latent | parameters, M | seconds "
        "| epochs | images/s | peak memory, MB | arithmetic |",
        "|" + " --- |" * 11,
        *(_row(titles[method], cells) for method, cells in found.items()),
    ]
    compared = _compared(found, titles)
    if compared:
        lines += ["", *compared]
    versions = {cell.reply.versions for cells in found.values() for cell in cells}
    commits = {cell.commit for cells in found.values() for cell in cells}
    lines += ["", f"{'; '.join(sorted(versions))}; trained at {', '.join(sorted(commits))}."]
    return "\n".join(lines)


def mean_picture_psnr(train: np.ndarray, test: np.ndarray) -> float:
    """Of the mean training picture, given for every held-out one."""
    mean = train.mean(0, dtype=np.float64)
    mse = np.mean([np.square((x - mean) / 255).mean() for x in test])
    return float(10 * np.log10(1 / mse))


def _row(title: str, cells: Sequence[Cell]) -> str:
    replies = [cell.reply for cell in cells]
    return " | ".join(
        [
            f"| {title}",
            spread([cell.measures.psnr for cell in cells], 2),
            spread([cell.measures.ssim for cell in cells], 3),
            _spread_or_none([cell.measures.distance for cell in cells]),
            str(replies[0].latents),
            f"{replies[0].parameters / MEGA:.2f}",
            spread([reply.seconds for reply in replies], 0),
            spread([reply.epochs for reply in replies], 0),
            spread([reply.images / reply.seconds for reply in replies], 0),
            f"{statistics.median(reply.peak_bytes for reply in replies) / MEGA:.0f}",
            f"{replies[0].precision} |",
        ]
    )


def _spread_or_none(values: Sequence[float | None]) -> str:
    there = [value for value in values if value is not None]
    return spread(there, 3) if there else "–"


def _compared(found: Found, titles: dict[str, str]) -> list[str]:
    """Each method of reparam beside the best of the others, seed by seed."""
    own = {name: cells for name, cells in found.items() if name.startswith("own")}
    others = {name: cells for name, cells in found.items() if name not in own}
    if not own or not others:
        return []
    lines = []
    for name, cells in own.items():
        gains, ratios = [], []
        for cell in cells:
            rivals = [c.measures for cs in others.values() for c in cs if c.seed == cell.seed]
            if not rivals:
                continue
            gains.append(cell.measures.psnr - max(rival.psnr for rival in rivals))
            distances = [rival.distance for rival in rivals if rival.distance is not None]
            if cell.measures.distance is not None and distances:
                ratios.append(cell.measures.distance / min(distances))
        if gains:
            line = f"{titles[name]} less the best of the others, seed by seed: PSNR "
            line += f"{spread(gains, 2)} dB"
            line += f"; feature distance {spread(ratios, 2)} times the lowest." if ratios else "."
            lines += [line, ""]
    return lines[:-1]


def grid(rows: Sequence[np.ndarray]) -> Image.Image:
    """The first 32 of each set of pictures (N, H, W, C), in lines below their counterparts."""
    count = min(SHOWN, *(len(row) for row in rows))
    columns = COLUMNS if rows[0].shape[2] <= NARROW else COLUMNS // 2
    lines = [
        row[start : min(start + columns, count)]
        for start in range(0, count, columns)
        for row in rows
    ]
    return to_picture(contact_sheet(np.concatenate(lines), columns))
