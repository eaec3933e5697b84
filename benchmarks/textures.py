"""Three textures that scikit-image ships, as pictures with planted defects.

    pip install scikit-image
    python benchmarks/textures.py brick --out brick

writes brick/good (with the folders train, val and test: pictures to train on, and to choose and
calibrate with) and brick/test with the folders good, cut-and-paste, noise-blob, scratch and
missing-part, and brick/ground_truth with the masks: the layout of MVTec AD. Pictures are squares of
a texture of 512 × 512 pixels. Those of train and val are out of one half, those that calibrate and
those of brick/test out of the other: of its 32 squares, which do not overlap, 20 that are drawn at
random calibrate. So good test squares and those that calibrate are exchangeable, which the rate of
false alarms rests on, and no pixel is in two of the parts. --textures FOLDER reads brick.png,
grass.png and gravel.png from there instead.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reparam.evaluation import DEFECT_KINDS, GOOD_FOLDER, plant

NAMES = ("brick", "grass", "gravel")
SIDE = 64
HALF = 256
"""Columns of a half."""

STRIPS = {"train": (0, 384, 400), "val": (384, 512, 40)}
"""Of one half: from which row on, up to which, and how many squares at random places. Squares of
one strip overlap. Those of two do not, so that held-out ones are new to a model.
"""
TRAIN = STRIPS["train"][2]

CALIBRATE = 20
"""Of the other half's squares: p-values can be as low as 1/21, for 5 % false alarms. The other 12
are for the test."""


@dataclass(frozen=True)
class Textured:
    """Grey squares, (n, SIDE, SIDE, 1) bytes: good ones by their use, and a test set.

    ``masks`` (m, SIDE, SIDE) mark the defects; of the m test pictures ``kinds`` says which.
    """

    good: dict[str, np.ndarray]
    test: np.ndarray
    masks: np.ndarray
    kinds: tuple[str, ...]


def texture(name: str, folder: Path | None = None) -> np.ndarray:
    """512 × 512 bytes. Without a folder, scikit-image has them."""
    if folder is not None:
        return np.asarray(Image.open(folder / f"{name}.png").convert("L"))
    try:
        from skimage import data
    except ImportError:
        raise SystemExit(
            "the textures are those of scikit-image, got no such package. Fix: pip install "
            "scikit-image, or --textures FOLDER with brick.png, grass.png and gravel.png"
        ) from None
    return np.asarray(getattr(data, name)())


def places(seed: int) -> dict[str, np.ndarray]:
    """The upper left corners (n, 2), row and column, of the squares of each part of the texture.

    Parts: train, val and test, of good pictures, and new, the test set. The seed says which half
    is for training, places its squares, and draws those of the other half that calibrate.
    """
    rng = np.random.default_rng(seed)
    learn, held_out = (0, HALF) if seed % 2 == 0 else (HALF, 0)
    found = {
        name: rng.integers((first, learn), (end - SIDE + 1, learn + HALF - SIDE + 1), (count, 2))
        for name, (first, end, count) in STRIPS.items()
    }
    rows, columns = np.meshgrid(np.arange(0, 512, SIDE), np.arange(0, HALF, SIDE), indexing="ij")
    mixed = rng.permutation(np.stack([rows.ravel(), held_out + columns.ravel()], 1))
    return found | {"test": mixed[:CALIBRATE], "new": mixed[CALIBRATE:]}


def textured(
    name: str, seed: int, folder: Path | None = None, *, contamination: float = 0.0
) -> Textured:
    """``contamination``: the share of good squares that have a planted defect, of any kind.

    The seed chooses the `places` and plants the defects. The test squares do not overlap; each is
    there once as it is, and once with each defect.
    """
    whole = texture(name, folder)
    *own, rng = np.random.default_rng([seed, 1]).spawn(4)
    parts = {
        part: np.stack([whole[y : y + SIDE, x : x + SIDE] for y, x in corners])
        for part, corners in places(seed).items()
    }
    squares = parts.pop("new")
    good = {
        part: _contaminated(some, contamination, each)[..., None]
        for (part, some), each in zip(parts.items(), own, strict=True)
    }
    tests, masks = [squares], [np.zeros(squares.shape, bool)]
    for kind in DEFECT_KINDS:
        broken, marked = _planted(squares, kind, rng)
        tests.append(broken)
        masks.append(marked)
    kinds = tuple(kind for kind in (GOOD_FOLDER, *DEFECT_KINDS) for _ in squares)
    return Textured(good, np.concatenate(tests)[..., None], np.concatenate(masks), kinds)


def _contaminated(squares: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Of the squares a share has a defect."""
    kinds = list(DEFECT_KINDS)
    for i, at in enumerate(rng.permutation(len(squares))[: round(share * len(squares))]):
        squares[at] = _planted(squares[at : at + 1], kinds[i % len(kinds)], rng)[0][0]
    return squares


def _planted(
    squares: np.ndarray, kind: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    broken, masks = plant(squares[:, None].astype(np.float32) / 255, kind, rng)
    return np.rint(broken[:, 0] * 255).astype(np.uint8), masks


def write_good(good: dict[str, np.ndarray], out: Path) -> None:
    """The folders train, val and test, which are read as these splits."""
    for name, squares in good.items():
        for i, square in enumerate(squares):
            _save(out / name / f"{i:03}.png", square[..., 0])


def write(found: Textured, out: Path) -> None:
    """The folders; files that are there already are written over."""
    write_good(found.good, out / "good")
    counts: dict[str, int] = {}
    for square, mask, kind in zip(found.test, found.masks, found.kinds, strict=True):
        number = counts[kind] = counts.get(kind, -1) + 1
        _save(out / "test" / kind / f"{number:03}.png", square[..., 0])
        if kind != GOOD_FOLDER:
            _save(out / "ground_truth" / kind / f"{number:03}_mask.png", mask * np.uint8(255))


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--textures", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--contamination", type=float, default=0.0)
    options = parser.parse_args(args)
    found = textured(
        options.name, options.seed, options.textures, contamination=options.contamination
    )
    write(found, options.out)
    print(f"{sum(map(len, found.good.values()))} good pictures in {options.out / 'good'}")
    print(f"{len(found.test)} test pictures in {options.out / 'test'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
