"""Which images, and how they are brought into one shape and split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reparam.fields import MOST_SEED, as_size, check_options, option

Pages = Literal["first", "all"]


@dataclass(frozen=True)
class DataConfig:
    """Where images come from, how they are made alike, and how they are split."""

    source: str = option("digits", positional="DATA")
    """digits, mnist, fashion-mnist, an .npz or .npy file, or a folder of images."""

    data_dir: Path | None = None
    """Folder with the four IDX files of mnist or fashion-mnist, else REPARAM_DATA or download."""

    mirrors: tuple[str, ...] = ()
    """Base addresses to download from, instead of the built-in list (else REPARAM_MIRRORS)."""

    image_size: tuple[int, int] | None = option(None, is_size=True, common=True)
    """Height and width that a folder's images are brought to. Such as 64 48 or 64x48, or 64 for a
    square. Without it pictures of one size stay as they are, up to 256 pixels a side; for others
    the command chooses a size of at most 64, and says so. In Python they must agree."""

    fit: Literal["resize", "crop"] = "resize"
    """How --image-size is reached: resize stretches; crop fits the short side, cuts the rest."""

    channels: int | None = None
    """1 turns the images of a folder grey, 3 makes them colour. Without it a folder with both
    becomes colour; in Python they must agree. Of an array, how many it has, where they are more
    than 4."""

    channels_first: bool = False
    """An array's axes are images, channels, height, width, as in PyTorch, and not channels last."""

    pixel_range: tuple[float, float] | None = option(None, flag="range")
    """The values that are black and white, such as 0 4095 for files of 12 bits. Without it: 0 and
    255 of whole numbers (65535 of 16-bit files), 0 and 1 of fractions."""

    pages: Pages = "first"
    """Of a folder's files with several pages (TIFF, GIF, animated WebP and PNG): the first, or all,
    each as an image of its own; the split does not keep the pages of a file together."""

    skip_broken: bool = False
    """Leave out pictures of a folder that cannot be read, instead of refusing the folder. Files of
    other kinds (by name and by content) are left out anyway."""

    split_folders: bool = True
    """A folder of train/ and val/ or test/ is split by them; --no-split-folders takes them for
    classes."""

    train_size: int | None = option(None, least=1)
    """Train on the first N training images only."""

    valid_fraction: float = option(0.1, least=0, below=1)
    """Share of the training pool held out to choose the best weights; 0 keeps the last weights."""

    test_fraction: float = option(0.2, least=0, below=1)
    """Share of all images held out for testing; not of data with a test set of its own, or of
    folders that are the splits."""

    split_seed: int = option(0, least=0, most=MOST_SEED)
    """Seed of the split; the same seed and data give the same split, whatever the run's seed."""

    known_labels: int | None = None
    """Hide the labels of all training images but N, drawn by the split's seed, as many of each
    class; validation and test images keep theirs."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", as_size(self.image_size))
        check_options(self)
