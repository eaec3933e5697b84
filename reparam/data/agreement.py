"""Whether the pictures of a folder go together as they are, and the options that make them."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reparam.data.config import DataConfig
from reparam.data.formats import picture_suffixes
from reparam.data.listing import Picture, quoted
from reparam.data.picture import NO_RANGE, Shape
from reparam.errors import DataError
from reparam.printable import several

_SHOWN = 3
"""How many files or sizes an error names."""

_SIZES = (64, 32, 16, 8)
"""Sides that are proposed: the largest one that the pictures have."""

LARGEST = 256
"""Pixels of a side up to which a command trains on pictures of one size as they are."""


_SQUARE, _ALIKE, _MOST, _STEP = 1.2, 1.1, 0.9, 8
"""A ratio of sides from which on pictures are not square; how far from the median ratio others are
alike, and what share must be; what the sides of one that is not square are multiples of."""


@dataclass(frozen=True)
class Found:
    """Every picture of a folder's files, with its shape by the header, or why it is no image."""

    folder: Path
    pictures: list[Picture]
    shapes: list[Shape | str]
    pages: Mapping[str, int]
    more: Sequence[str]

    @property
    def readable(self) -> dict[int, Shape]:
        """The shapes of those that are images, by position."""
        return {i: shape for i, shape in enumerate(self.shapes) if not isinstance(shape, str)}

    @property
    def broken(self) -> dict[int, str]:
        return {i: shape for i, shape in enumerate(self.shapes) if isinstance(shape, str)}


def agreed_shape(
    found: Found, config: DataConfig, undecodable: Callable[[Shape], Mapping[int, str]]
) -> Shape:
    """The shape that every picture is read in: that of ``config``, or else the one that they have.

    Raises DisagreementError where they differ, in one message with every option that they need, and
    DataError where broken files are a part of what is wrong. ``undecodable``: the pictures that
    cannot be decoded, with the reason for each; it takes time, and is asked only where there is
    something else to refuse.
    """
    shapes = found.readable
    rules, options = [], []
    sizes = {i: f"{height}×{width}" for i, (height, width, _) in shapes.items()}
    height, width, channels = next(iter(shapes.values()))
    if config.image_size is not None:
        height, width = config.image_size
    elif len(set(sizes.values())) > 1:
        rules.append(
            "without --image-size all images must have one size (height×width), got "
            f"{_tally(found, sizes)}"
        )
        height, width = proposed_size(shapes)
        options.append(f"--image-size {height}{'' if height == width else f' {width}'}")
    kinds = {i: "grey" if shape.channels == 1 else "colour" for i, shape in shapes.items()}
    if config.channels is not None:
        channels = config.channels
    elif len(set(kinds.values())) > 1:
        rules.append(
            f"without --channels all images must be grey or all colour, got {_tally(found, kinds)}"
        )
        channels = 3
        options.append("--channels 3")
    shape = Shape(height, width, channels)
    if not rules:
        return shape
    broken = (
        {} if config.skip_broken else pictures_of(found, {**found.broken, **undecodable(shape)})
    )
    if broken:
        rules.append(f"every picture must be a readable image, got {what_is_broken(found, broken)}")
        options += _options_for(broken)
    more = " (or another size; with --fit crop nothing is stretched)"
    message = (
        f"{found.folder}: {'; '.join(rules)}. Fix: pass {' '.join(options)}"
        f"{more if '--image-size' in options[0] and config.fit == 'resize' else ''}"
    )
    if broken:
        raise DataError(message)
    suited = replace(config, image_size=(height, width), channels=channels)
    several_sizes = config.image_size is None and len(set(sizes.values())) > 1
    differing = [f"{len(set(sizes.values())):,} sizes"] if several_sizes else []
    differing += (
        [" and ".join(dict.fromkeys(kinds.values()))] if len(set(kinds.values())) > 1 else []
    )
    # Commands take what is proposed by themselves: who reads this is often in Python.
    names = ("image_size", "channels")
    given = [
        f"{name}={getattr(suited, name)}"
        for name in names
        if getattr(suited, name) != getattr(config, name)
    ]
    message += f"; in Python: DataConfig(..., {', '.join(given)})"
    raise DisagreementError(message, suited, f"{len(shapes):,} pictures, {', '.join(differing)}")


class DisagreementError(DataError):
    """Pictures that differ in what the options leave open. ``suited``: the same options, with those
    that the message proposes; ``told``: how many there are of what.
    """

    def __init__(self, message: str, suited: DataConfig, told: str) -> None:
        super().__init__(message)
        self.suited, self.told = suited, told


def proposed_size(shapes: Mapping[int, Shape]) -> tuple[int, int]:
    """Height and width that most pictures fill: of a square, unless nearly all are about as far
    from one.
    """
    both = [sorted((shape.height, shape.width)) for shape in shapes.values()]
    short, long = (_side(statistics.median(sides)) for sides in zip(*both, strict=True))
    ratios = [shape.width / shape.height for shape in shapes.values()]
    ratio = statistics.median(ratios)
    alike = sum(1 / _ALIKE < each / ratio < _ALIKE for each in ratios)
    if 1 / _SQUARE < ratio < _SQUARE or alike < _MOST * len(ratios):
        return short, short
    other = max(_STEP, _STEP * round(long * min(ratio, 1 / ratio) / _STEP))
    return (other, long) if ratio > 1 else (long, other)


def _side(middle: float) -> int:
    """The largest of the sides that are proposed, or what is below all of them."""
    return next((side for side in _SIZES if side <= middle), max(int(middle), 1))


def _options_for(broken: Mapping[int, str]) -> list[str]:
    """What lets the others, or these themselves, be read."""
    unranged = [NO_RANGE in why for why in broken.values()]
    return ["--range LOW HIGH"] * any(unranged) + ["--skip-broken"] * (not all(unranged))


def refuse_broken(found: Found, broken: Mapping[int, str], skip: bool) -> None:
    """Raises DataError for broken pictures, unless they are to be left out and others remain.

    Files of other kinds are left out in any case.
    """
    if not broken:
        return
    pictures = {} if skip else pictures_of(found, broken)
    if pictures:
        raise DataError(
            f"{found.folder}: every picture must be a readable image, got "
            f"{what_is_broken(found, pictures)}. Fix: repair or remove them, or pass "
            f"{' '.join(_options_for(pictures))}"
        )
    what = what_is_broken(found, broken)
    if len(broken) == len(found.pictures):
        raise DataError(
            f"{found.folder}: a folder of images needs readable images, got {what}. Fix: give "
            "another folder"
        )


def pictures_of(found: Found, broken: Mapping[int, str]) -> dict[int, str]:
    """Of the broken files those that have a picture's name, or are pictures of several pages."""
    suffixes = picture_suffixes()
    return {
        i: why
        for i, why in broken.items()
        if found.pictures[i].page is not None or found.pictures[i].path.suffix.lower() in suffixes
    }


def what_is_broken(found: Found, broken: Mapping[int, str]) -> str:
    pictures = found.pictures
    what = "files" if all(picture.page is None for picture in pictures) else "pictures"
    which = first_broken(found, broken)
    return f"{len(broken)} of {len(pictures)} {what} that cannot be read: {which}"


def first_broken(found: Found, broken: Mapping[int, str]) -> str:
    shown = [
        f"{quoted(found.folder, found.pictures[i])} ({broken[i]})" for i in sorted(broken)[:_SHOWN]
    ]
    rest = len(broken) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _tally(found: Found, kinds: dict[int, str]) -> str:
    """'28×28 in 5 files (as 'a.png'), 32×28 in 1 file (as 'b.png')'."""
    counts = Counter(kinds.values()).most_common()
    first = {kind: i for i, kind in reversed(kinds.items())}
    shown = []
    for kind, n in counts[:_SHOWN]:
        example = quoted(found.folder, found.pictures[first[kind]])
        shown.append(f"{kind} in {several(n, 'file')} (as {example})")
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
