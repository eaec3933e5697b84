"""An image set by its name: digits, mnist, fashion-mnist."""

import hashlib
import io
from pathlib import Path

import numpy as np

from reparam.data.config import DataConfig
from reparam.data.download import cache_folder, fetch_all, mirrors_for
from reparam.data.idx import IdxFile, parse_pair, read_idx_file
from reparam.data.images import ImageSet
from reparam.data.locate import locate
from reparam.data.registry import (
    DIGIT_NAMES,
    IDX_SOURCES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
)
from reparam.data.splits import split_indices
from reparam.errors import DataError, ShapeError

DIGITS = Path(__file__).parent / "digits" / "digits.npz"
"""``images`` (5000, 28, 28) and ``labels`` (5000), bytes; LICENSE beside it says where from."""

DIGITS_SHA256 = "246e0c30eeea57c8d0037d3f38c8e00651ec204cc61b8022563e9aeeb9d756f4"


def load_digits(config: DataConfig) -> ImageSet:
    """5,000 images of MNIST, 500 of each digit, 28 × 28 × 1, from a file of the package.

    Raises DataError for a file that is not the one we know, and what `split_indices` raises.
    """
    content = DIGITS.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != DIGITS_SHA256:
        raise DataError(
            f"{DIGITS}: the SHA-256 must be {DIGITS_SHA256[:12]}…, got {found[:12]}…. Fix: install "
            "reparam again: pip install --force-reinstall --no-deps reparam"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        images, labels = arrays["images"][..., np.newaxis], arrays["labels"].astype(np.int64)
    splits = split_indices(len(images), labels, config, name="digits")
    return ImageSet("digits", images, labels, DIGIT_NAMES, splits)


def load_idx_source(source: str, config: DataConfig) -> ImageSet:
    """mnist or fashion-mnist: the official training images in their order, then the test images.

    The files are looked for as `locate` says, else taken from the cache, else downloaded.

    Raises DataError for files that are missing, broken or unfetchable, ShapeError where training
    and test images differ in size, and what `split_indices` raises.
    """
    known = IDX_SOURCES[source]
    paths = locate(source, config.data_dir)
    if paths is None:
        mirrors = mirrors_for(known, config.mirrors)
        files = fetch_all(known.sha256, mirrors, cache_folder(source))
    else:
        files = {file: read_idx_file(path) for file, path in paths.items()}
    return _assemble(source, files, known.class_names, config)


def _assemble(
    source: str, files: dict[str, IdxFile], class_names: tuple[str, ...], config: DataConfig
) -> ImageSet:
    train, train_labels = parse_pair(files[TRAIN_IMAGES], files[TRAIN_LABELS])
    test, test_labels = parse_pair(files[TEST_IMAGES], files[TEST_LABELS])
    if train.shape[1:] != test.shape[1:]:
        raise ShapeError(
            f"{files[TEST_IMAGES].name}: test images must have the size of the training images, "
            f"{train.shape[1]}×{train.shape[2]}, got {test.shape[1]}×{test.shape[2]}. Fix: "
            "use the files of one set"
        )
    labels = np.concatenate([train_labels, test_labels]).astype(np.int64)
    if labels.max() >= len(class_names):
        raise DataError(
            f"{files[TRAIN_LABELS].name}: labels of {source} lie in 0..{len(class_names) - 1}, "
            f"got {labels.max()} there or in the test labels. Fix: use the files of {source}"
        )
    images = np.concatenate([train, test])[..., np.newaxis]
    splits = split_indices(len(images), labels, config, name=source, official_test=len(test))
    return ImageSet(source, images, labels, class_names, splits)
