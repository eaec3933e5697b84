"""Whether the pictures of a folder go together as they are, and the options that make them."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reparam.data.config import DataConfig
from reparam.data.listing import Picture, quoted
from reparam.data.picture import NO_RANGE, Shape
from reparam.errors import DataError

_SHOWN = 3
"""How many files or sizes an error names."""

_SIZES = (64, 32, 16, 8)
"""Sides that an error proposes: the largest one that the pictures have."""


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

    Raises DataError where they differ, in one message with every option that they need, of which
    the broken files are a part. ``undecodable``: the pictures that cannot be decoded, with the
    reason for each; it takes time, and is asked only where there is something else to refuse.
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
        height = width = _proposed_side(shapes)
        options.append(f"--image-size {height}")
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
    broken = {} if config.skip_broken else {**found.broken, **undecodable(shape)}
    if broken:
        rules.append(f"every file must be a readable image, got {what_is_broken(found, broken)}")
        options += _options_for(broken)
    more = " (or another size; with --fit crop nothing is stretched)"
    raise DataError(
        f"{found.folder}: {'; '.join(rules)}. Fix: pass {' '.join(options)}"
        f"{more if '--image-size' in options[0] and config.fit == 'resize' else ''}"
    )


def _proposed_side(shapes: Mapping[int, Shape]) -> int:
    """Of a square that most pictures fill."""
    middle = int(statistics.median(min(shape.height, shape.width) for shape in shapes.values()))
    return next((side for side in _SIZES if side <= middle), max(middle, 1))


def _options_for(broken: Mapping[int, str]) -> list[str]:
    """What lets the others, or these themselves, be read."""
    unranged = [NO_RANGE in why for why in broken.values()]
    return ["--range LOW HIGH"] * any(unranged) + ["--skip-broken"] * (not all(unranged))


def refuse_broken(found: Found, broken: Mapping[int, str], skip: bool) -> None:
    """Raises DataError for broken pictures, unless they are to be left out and others remain."""
    if not broken:
        return
    what = what_is_broken(found, broken)
    if not skip:
        raise DataError(
            f"{found.folder}: every file must be a readable image, got {what}. Fix: repair or "
            f"remove them, or pass {' '.join(_options_for(broken))}"
        )
    if len(broken) == len(found.pictures):
        raise DataError(
            f"{found.folder}: a folder of images needs readable images, got {what}. Fix: give "
            "another folder"
        )


def what_is_broken(found: Found, broken: Mapping[int, str]) -> str:
    pictures = found.pictures
    what = "files" if all(picture.page is None for picture in pictures) else "pictures"
    return f"{len(broken)} of {len(pictures)} {what} that are not: {first_broken(found, broken)}"


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
        shown.append(f"{kind} in {n} file{'s' if n > 1 else ''} (as {example})")
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
