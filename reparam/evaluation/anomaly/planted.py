"""Defects that are put into good pictures, so that scores can be chosen and tested without one."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import distance_transform_edt

from reparam.errors import ConfigError, DataRangeError, ShapeError, unknown_name

LEAST = 16 / 255
"""By how much a marked pixel differs from before, in at least one channel: 16 of 256 levels."""

SMALLEST = 8
"""Pixels of a side that a picture must have."""

BACKGROUND = 0.9
"""Share of the border's pixels that are alike where a picture shows an object on a background."""

TRIES = 20
"""Places that are tried until a defect changes enough, of which otherwise the best is taken."""

Picture = Float[np.ndarray, "C H W"]
Region = Bool[np.ndarray, "H W"]
Kind = Callable[[Picture, np.random.Generator], tuple[Picture, Region]]


def plant(
    images: Float[np.ndarray, "N C H W"], kind: str, generator: np.random.Generator
) -> tuple[Float[np.ndarray, "N C H W"], Bool[np.ndarray, "N H W"]]:
    """Pictures with one defect each, and masks of what changed; pixels in [0, 1].

    ``kind`` is one of KINDS. A mask is never empty. Inside of it each pixel differs by at least
    LEAST in at least one channel; outside of it none differs at all. Sizes are shares of the
    picture's sides. The same generator plants the same, and a longer set begins as a shorter one
    does. ``images`` are not changed, and the result has their type.

    Raises ConfigError for an unknown kind, ShapeError for pictures below SMALLEST pixels,
    DataRangeError for pixels outside of [0, 1].
    """
    if kind not in KINDS:
        raise ConfigError(unknown_name("kind of defect", kind, KINDS))
    if min(images.shape[2:]) < SMALLEST:
        raise ShapeError(
            f"pictures must have sides of at least {SMALLEST} pixels for defects, got "
            f"{images.shape[2]}×{images.shape[3]}. Fix: use larger pictures"
        )
    if len(images) and not (images.min() >= 0 and images.max() <= 1):
        raise DataRangeError(
            f"pixels must lie in [0, 1], got {images.min():.6g} to {images.max():.6g}. Fix: "
            "rescale them"
        )
    planted = images.copy()
    masks = np.zeros((len(images), *images.shape[2:]), bool)
    for i, image in enumerate(images):
        after, region = KINDS[kind](image, generator)
        planted[i] = np.where(region, after, image)
        masks[i] = region
    return planted, masks


def cut_and_paste(image: Picture, generator: np.random.Generator) -> tuple[Picture, Region]:
    """CutPaste (Li et al. 2021, section 2.2): a rectangle of 2 to 15 % of the picture, of aspect
    ratio 0.3 to 3.3, is pasted elsewhere in the same picture, 15 to 30 % lighter or darker. With
    less (theirs is up to 10 %), nobody sees a piece of grass on the same grass.

    On a background, what is background before and after does not count as changed. A picture with
    hardly anything else gets a noise blob.
    """
    height, width = image.shape[1:]
    plain = background_of(image) is not None
    best = image, np.zeros((height, width), bool)
    for _ in range(TRIES):
        area, aspect = generator.uniform(0.02, 0.15), np.exp(generator.uniform(-1.2, 1.2))
        h = int(np.clip(round(height * np.sqrt(area / aspect)), 2, height - 1))
        w = int(np.clip(round(width * np.sqrt(area * aspect)), 2, width - 1))
        top, left, to_top, to_left = generator.integers(0, [height - h + 1, width - w + 1] * 2)
        after, region = image.copy(), np.zeros((height, width), bool)
        lighter = generator.choice([-1, 1]) * generator.uniform(0.15, 0.3)
        patch = image[:, top : top + h, left : left + w] * (1 + lighter)
        after[:, to_top : to_top + h, to_left : to_left + w] = patch.clip(0, 1)
        region[to_top : to_top + h, to_left : to_left + w] = True
        if plain:
            region &= differs(image, after)
        if region.sum() > best[1].sum():
            best = after, region
        if region.sum() >= h * w / 4 and (top, left) != (to_top, to_left):
            break
    after, region = best
    if region.sum() < 4:  # hardly anything but background
        return noise_blob(image, generator)
    return pushed(image, after, region), region


def noise_blob(image: Picture, generator: np.random.Generator) -> tuple[Picture, Region]:
    """A blob of 1 to 6 % of the picture, each value of which moves by a random amount."""
    height, width = image.shape[1:]
    centre = generator.uniform(0.15, 0.85, 2) * (height, width)
    region = blob(height, width, centre, generator.uniform(0.01, 0.06), generator)
    up = generator.random(image.shape) < 0.5
    up = np.where(1 - image < LEAST, False, np.where(image < LEAST, True, up))
    room = np.where(up, 1 - image, image)
    size = LEAST + (room - LEAST) * generator.random(image.shape)
    after = (image + np.where(up, size, -size)).astype(image.dtype)
    return pushed(image, after, region), region


def scratch(image: Picture, generator: np.random.Generator) -> tuple[Picture, Region]:
    """A curved line: 0.3 to 0.8 of the shorter side long, 1 to 2 % of it wide (at least a pixel),
    white or black, whichever is further from what it crosses.
    """
    height, width = image.shape[1:]
    short = min(height, width)
    length, angle = short * generator.uniform(0.3, 0.8), generator.uniform(0, np.pi)
    along = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([along[1], -along[0]])
    bend = generator.uniform(-0.2, 0.2) * length
    room = np.abs(along) * length / 2 + np.abs(across) * abs(bend)
    sides = np.array([height, width])
    centre = generator.uniform(room, np.maximum(sides - 1 - room, room + 1e-9))
    t = np.linspace(-1, 1, 4 * short)[:, None]
    line = centre + along * t * length / 2 + across * bend * (1 - t * t)
    rows, columns = np.rint(line).astype(int).clip(0, sides - 1).T
    away = np.ones((height, width), bool)
    away[rows, columns] = False
    region = distance_transform_edt(away) <= short * generator.uniform(0.005, 0.01)
    return pushed(image, np.full_like(image, _further(image, region)), region), region


def missing_part(image: Picture, generator: np.random.Generator) -> tuple[Picture, Region]:
    """A blob of 2 to 8 % of the picture is gone.

    Of an object on a background, the background shows; of a picture that is full, a hole: black or
    white, whichever is further.
    """
    height, width = image.shape[1:]
    background, area = background_of(image), generator.uniform(0.02, 0.08)
    if background is not None:
        behind = np.broadcast_to(background[:, None, None], image.shape).astype(image.dtype)
        there = differs(image, behind)
        best = np.zeros((height, width), bool)
        for _ in range(TRIES if there.sum() >= 4 else 0):
            centre = generator.permutation(np.argwhere(there))[0].astype(float)
            region = blob(height, width, centre, area, generator) & there
            best = max(best, region, key=np.count_nonzero)
            if region.sum() >= area * height * width / 3:
                break
        if best.sum() >= 4:
            return behind, best
    centre = generator.uniform(0.15, 0.85, 2) * (height, width)
    region = blob(height, width, centre, area, generator)
    return pushed(image, np.full_like(image, _further(image, region)), region), region


KINDS: Mapping[str, Kind] = {
    "cut-and-paste": cut_and_paste,
    "noise-blob": noise_blob,
    "scratch": scratch,
    "missing-part": missing_part,
}
"""Defects by name; each takes a picture and gives it changed, with the region of the change."""


def differs(before: Picture, after: Picture) -> Region:
    """Where a picture has changed by at least LEAST in a channel."""
    return np.abs(after - before).max(0) >= LEAST


def pushed(before: Picture, after: Picture, region: Region) -> Picture:
    """``after``, where pixels of the region that differ too little do differ enough."""
    step = np.where((after - before).mean(0) < 0, -1, 1) * (1.25 * LEAST)
    one, other = (before + step).clip(0, 1), (before - step).clip(0, 1)
    enough = np.where(differs(before, one), one, other)  # at white and black there is one way
    return np.where(region & ~differs(before, after), enough, after).astype(before.dtype)


def background_of(image: Picture) -> Float[np.ndarray, " C"] | None:
    """The colour of the border, where at least BACKGROUND of its pixels are alike."""
    border = np.ones(image.shape[1:], bool)
    border[1:-1, 1:-1] = False
    colour = np.median(image[:, border], axis=1)
    alike = np.abs(image[:, border] - colour[:, None]).max(0) < LEAST
    return colour if alike.mean() >= BACKGROUND else None


def blob(
    height: int,
    width: int,
    centre: Float[np.ndarray, "2"],
    area: float,
    generator: np.random.Generator,
) -> Region:
    """A round shape with an uneven edge, of about ``area`` of the picture; at least 4 pixels."""
    y, x = np.mgrid[:height, :width]
    y, x = (y - centre[0]) / height, (x - centre[1]) / width
    angle, radius = np.arctan2(y, x), np.sqrt(area / np.pi)
    edge = np.ones((height, width))
    for k in (2, 3, 5):
        edge += generator.uniform(0, 0.2) * np.cos(k * angle + generator.uniform(0, 2 * np.pi))
    distance = np.hypot(y, x) / edge
    return distance <= max(radius, float(np.partition(distance.ravel(), 3)[3]))


def _further(image: Picture, region: Region) -> float:
    return 0.0 if image[:, region].mean() > 0.5 else 1.0
