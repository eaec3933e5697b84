"""IDX files: what is written comes back, and every broken file is refused by name."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from idx_files import idx_bytes

from reparam.data.idx import IdxFile, parse_images, parse_labels, parse_pair, read_idx_file
from reparam.errors import DataError

IMAGES = idx_bytes(np.arange(2 * 3 * 4).reshape(2, 3, 4))
LABELS = idx_bytes(np.array([3, 1]))


def test_the_writer_of_these_tests_follows_the_format():
    assert idx_bytes(np.array([[[7, 8]]])) == bytes.fromhex(
        "00000803 00000001 00000001 00000002 0708"
    )


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3)), st.booleans())
def test_round_trip(tmp_path_factory, images, gzipped):
    path = tmp_path_factory.mktemp("idx") / "images"  # no suffix: the content tells what it is
    path.write_bytes(gzip.compress(idx_bytes(images), 1) if gzipped else idx_bytes(images))
    np.testing.assert_array_equal(parse_images(read_idx_file(path)), images)


@given(hnp.arrays(np.uint8, st.integers(1, 50)))
def test_labels_round_trip(labels):
    np.testing.assert_array_equal(parse_labels(IdxFile("labels", idx_bytes(labels))), labels)


def test_pair():
    images, labels = parse_pair(IdxFile("i", IMAGES), IdxFile("l", LABELS))
    assert images.shape == (2, 3, 4)
    assert labels.tolist() == [3, 1]


@given(st.integers(0, len(IMAGES) - 1))
def test_every_cut_is_refused(length):
    with pytest.raises(DataError, match=r"^set/images: .*(fetch it again|put the IDX file)"):
        parse_images(IdxFile("set/images", IMAGES[:length]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (IMAGES + b"\0", "2×3×4 take 40 bytes, got 41 .bytes left over"),
        (IMAGES[:-1], "2×3×4 take 40 bytes, got 39 .cut short"),
        (IMAGES[:10], "header of 16 bytes, got 10 bytes"),
        (LABELS, "begins with 0x00000803, got 0x00000801"),
        (b"\x89PNG....", "begins with 0x00000803, got 0x89504e47"),
        (b"", "begins with 0x00000803, got 0 bytes"),
        (idx_bytes(np.zeros((0, 3, 4))), "at least one image, got images of shape 0×3×4"),
        (bytes.fromhex("00000803") + b"\xff" * 12, "got 16 .cut short"),
    ],
)
def test_wrong_images(content, message):
    with pytest.raises(DataError, match=message) as caught:
        parse_images(IdxFile("images.gz", content))
    assert str(caught.value).startswith("images.gz: ")
    assert "\n" not in str(caught.value)


def test_as_many_labels_as_images():
    with pytest.raises(DataError, match=r"^l: .* 3 labels for the 2 images of i.*two files"):
        parse_pair(IdxFile("i", IMAGES), IdxFile("l", idx_bytes(np.zeros(3))))


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(IMAGES)[:-9],  # without its checksum
        gzip.compress(IMAGES)[:12],
        gzip.compress(IMAGES)[:-8] + b"\0" * 8,  # with a wrong one
        gzip.compress(IMAGES) + b"garbage",
        b"\x1f\x8b" + b"\0" * 40,
        b"\x1f\x8b",
    ],
    ids=["no-checksum", "cut", "wrong-checksum", "garbage", "noise", "two-bytes"],
)
def test_broken_gzip(tmp_path: Path, content):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"images.gz: .*broken gzip.*fetch it again"):
        read_idx_file(path)


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_file_may_not_grow_without_bound(tmp_path: Path, gzipped):
    path = tmp_path / "bomb"
    content = b"\0" * 100_000
    path.write_bytes(gzip.compress(content) if gzipped else content)
    assert len(read_idx_file(path, limit=100_000).content) == 100_000
    with pytest.raises(DataError, match=r"bomb: .*at most 99999 bytes uncompressed, got more"):
        read_idx_file(path, limit=99_999)


def test_missing_file(tmp_path: Path):
    with pytest.raises(DataError, match=r"nothing: .*readable, got No such file"):
        read_idx_file(tmp_path / "nothing")
