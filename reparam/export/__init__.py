"""A run's results as files: images, latents, ONNX, the explorer's bundle.

What makes tables is imported when it is first used, since it needs pandas.
"""

import importlib
from typing import TYPE_CHECKING

from reparam.export.bundle import IMAGES as BUNDLE_IMAGES
from reparam.export.bundle import Bundle, held_out_views, make_bundle, run_ids
from reparam.export.images import (
    LabelledImages,
    check_target,
    comparison_sheet,
    picture_names,
    write_images,
    write_pictures,
)
from reparam.export.onnx import BATCHES as ONNX_BATCHES
from reparam.export.onnx import TOLERANCE as ONNX_TOLERANCE
from reparam.export.onnx import OnnxModel, export_onnx
from reparam.export.place import (
    NEIGHBOURS_FOLDER,
    ONNX_FOLDER,
    SITE_FOLDER,
    check_file_free,
    check_folder_free,
    write_file,
    write_folder,
)

if TYPE_CHECKING:
    from reparam.export.latents import (
        LatentTable,
        check_latents_target,
        read_labels,
        read_latents,
        write_latents,
    )
    from reparam.export.neighbours import neighbour_table, write_neighbours

__all__ = [
    "BUNDLE_IMAGES",
    "NEIGHBOURS_FOLDER",
    "ONNX_BATCHES",
    "ONNX_FOLDER",
    "ONNX_TOLERANCE",
    "SITE_FOLDER",
    "Bundle",
    "LabelledImages",
    "LatentTable",
    "OnnxModel",
    "check_file_free",
    "check_folder_free",
    "check_latents_target",
    "check_target",
    "comparison_sheet",
    "export_onnx",
    "held_out_views",
    "make_bundle",
    "neighbour_table",
    "picture_names",
    "read_labels",
    "read_latents",
    "run_ids",
    "write_file",
    "write_folder",
    "write_images",
    "write_latents",
    "write_neighbours",
    "write_pictures",
]

_TABLES = {
    "latents": (
        "LatentTable",
        "check_latents_target",
        "read_labels",
        "read_latents",
        "write_latents",
    ),
    "neighbours": ("neighbour_table", "write_neighbours"),
}
_MODULE_OF = {name: module for module, names in _TABLES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'reparam.export' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"reparam.export.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
