"""Drawn characters whose generative factors are known: what measures of disentanglement need.

    python benchmarks/glyphs.py --count 10000 --out glyphs.npz
    reparam train glyphs.npz --model vae --latent-dim 10

Draws white characters on black and writes ``images``, ``labels`` (the character), ``class_names``,
``factors`` and ``factor_names``. The factors are independent: character and font by category; the
rest continuous: how far the character lies right of and below the middle (shares of the side), the
font's size (share of the side), the angle (degrees, anticlockwise) and the ink (1 is white). The
fonts are those that matplotlib ships, so that every machine draws the same set, but for rounding in
other versions of FreeType.
"""

import argparse
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

CHARACTERS = "ABEFGHJKMRT24578"
"""Without any that another one becomes by an angle, and at most 20: floats of few values are
categories.
"""

FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmss10", "cmtt10"),
)

RANGES = {"x": (-0.12, 0.12), "y": (-0.12, 0.12), "size": (0.5, 0.75), "angle": (-25.0, 25.0)}
RANGES["ink"] = (0.4, 1.0)

NAMES = ("character", "font", *RANGES)

FINER = 4
"""Times as many pixels a side are drawn, and then averaged."""


@cache
def font_files() -> dict[str, str]:
    """Where the fonts are that matplotlib ships, by name."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {Path(file).stem: file for file in font_manager.findSystemFonts([str(folder)])}


@cache
def font(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_files()[name], pixels, layout_engine=ImageFont.Layout.BASIC)


def draw_factors(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 7) in the order of NAMES, independent of each other."""
    categories = [rng.integers(0, len(each), count) for each in (CHARACTERS, FONTS)]
    return np.stack([*categories, *(rng.uniform(*ends, count) for ends in RANGES.values())], 1)


def draw(factors: np.ndarray, side: int) -> np.ndarray:
    """One image (side, side) of bytes."""
    character, name = CHARACTERS[int(factors[0])], FONTS[int(factors[1])]
    x, y, size, angle, ink = factors[2:].tolist()
    fine = FINER * side
    drawn = font(name, round(size * fine))
    left, top, right, bottom = drawn.getbbox(character)
    sheet = Image.new("L", (fine, fine))
    corner = ((fine - left - right) / 2, (fine - top - bottom) / 2)  # its box in the middle
    ImageDraw.Draw(sheet).text(corner, character, fill=round(255 * ink), font=drawn)
    shift = (round(x * fine), round(y * fine))
    turned = sheet.rotate(angle, Image.Resampling.BICUBIC, translate=shift)
    return np.asarray(turned.resize((side, side), Image.Resampling.BOX))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="images")
    parser.add_argument("--size", type=int, default=32, help="pixels a side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("glyphs.npz"))
    options = parser.parse_args(arguments)
    factors = draw_factors(options.count, np.random.default_rng(options.seed))
    np.savez_compressed(
        options.out,
        images=np.stack([draw(row, options.size) for row in factors]),
        labels=factors[:, 0].astype(np.int64),
        class_names=np.array(list(CHARACTERS)),
        factors=factors,
        factor_names=np.array(NAMES),
    )
    print(options.out)


if __name__ == "__main__":
    main()
