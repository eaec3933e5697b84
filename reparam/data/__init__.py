"""Images in: a name, a file, a folder or arrays become an ImageSet of bytes, labels and splits."""

from reparam.data.agreement import LARGEST, DisagreementError
from reparam.data.arrays import ARRAY_SUFFIXES, image_set_from_arrays
from reparam.data.batch import Batch
from reparam.data.bytes_to_pixels import from_bytes, to_bytes
from reparam.data.cache_contents import (
    CachedSet,
    cached_sets,
    clear_cached,
    clear_downloads,
    verify_cached,
)
from reparam.data.colours import CLASS_COLOURS, class_colours
from reparam.data.config import DataConfig
from reparam.data.datasets import image_set_from_dataset, items_of_dataset
from reparam.data.factors import Factors
from reparam.data.folder import sizes_in_files, suited_size
from reparam.data.formats import is_image
from reparam.data.images import SPLITS, ImageSet, Split
from reparam.data.labels import UNKNOWN, as_labels, as_one_array, class_indices, composed
from reparam.data.listing import is_run_record
from reparam.data.load import USED_BY, is_folder, kind_of, load_images, read_images
from reparam.data.mapping import MAPPED_FROM, RowReader, in_parts
from reparam.data.picture import read_picture
from reparam.data.pictures import Progress
from reparam.data.pixels import MOST_CHANNELS, as_numbers, as_pixels, warn_of_pixels
from reparam.data.registry import NAMED_SOURCES
from reparam.data.sheet import contact_sheet, sheet_picture, to_picture

__all__ = [
    "ARRAY_SUFFIXES",
    "CLASS_COLOURS",
    "LARGEST",
    "MAPPED_FROM",
    "MOST_CHANNELS",
    "NAMED_SOURCES",
    "SPLITS",
    "UNKNOWN",
    "USED_BY",
    "Batch",
    "CachedSet",
    "DataConfig",
    "DisagreementError",
    "Factors",
    "ImageSet",
    "Progress",
    "RowReader",
    "Split",
    "as_labels",
    "as_numbers",
    "as_one_array",
    "as_pixels",
    "cached_sets",
    "class_colours",
    "class_indices",
    "clear_cached",
    "clear_downloads",
    "composed",
    "contact_sheet",
    "from_bytes",
    "image_set_from_arrays",
    "image_set_from_dataset",
    "in_parts",
    "is_folder",
    "is_image",
    "is_run_record",
    "items_of_dataset",
    "kind_of",
    "load_images",
    "read_images",
    "read_picture",
    "sheet_picture",
    "sizes_in_files",
    "suited_size",
    "to_bytes",
    "to_picture",
    "verify_cached",
    "warn_of_pixels",
]
