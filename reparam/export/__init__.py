"""A run's results as files: images, latents, ONNX, the explorer's bundle.

What makes tables is imported when it is first used, since it needs pandas.
"""

from typing import TYPE_CHECKING

from reparam.export.autoencoder_kl import DiffusersFolder, KlPart, export_diffusers, kl_halves
from reparam.export.bundle import IMAGES as BUNDLE_IMAGES
from reparam.export.bundle import Bundle, held_out_views, make_bundle, run_ids
from reparam.export.given_columns import check_table
from reparam.export.halves import BATCHES as ONNX_BATCHES
from reparam.export.halves import TOLERANCE as ONNX_TOLERANCE
from reparam.export.images import (
    LabelledImages,
    check_target,
    comparison_sheet,
    picture_names,
    write_images,
    write_pictures,
)
from reparam.export.onnx import OnnxModel, export_onnx
from reparam.export.place import (
    DIFFUSERS_FOLDER,
    NEIGHBOURS_FOLDER,
    ONNX_FOLDER,
    SITE_FOLDER,
    TORCH_FOLDER,
    OwnFolder,
    check_file_free,
    check_folder_free,
    write_file,
    write_folder,
)
from reparam.export.programs import TorchProgram, export_programs
from reparam.late import late_names

if TYPE_CHECKING:
    from reparam.export.latents import (
        LatentTable,
        check_latents_target,
        read_files,
        read_labels,
        read_latents,
        write_latents,
    )
    from reparam.export.neighbours import neighbour_table, write_neighbours
    from reparam.export.verdicts import VERDICTS_FOLDER, verdict_table, write_verdicts

__all__ = [
    "BUNDLE_IMAGES",
    "DIFFUSERS_FOLDER",
    "NEIGHBOURS_FOLDER",
    "ONNX_BATCHES",
    "ONNX_FOLDER",
    "ONNX_TOLERANCE",
    "SITE_FOLDER",
    "TORCH_FOLDER",
    "VERDICTS_FOLDER",
    "Bundle",
    "DiffusersFolder",
    "KlPart",
    "LabelledImages",
    "LatentTable",
    "OnnxModel",
    "OwnFolder",
    "TorchProgram",
    "check_file_free",
    "check_folder_free",
    "check_latents_target",
    "check_table",
    "check_target",
    "comparison_sheet",
    "export_diffusers",
    "export_onnx",
    "export_programs",
    "held_out_views",
    "kl_halves",
    "make_bundle",
    "neighbour_table",
    "picture_names",
    "read_files",
    "read_labels",
    "read_latents",
    "run_ids",
    "verdict_table",
    "write_file",
    "write_folder",
    "write_images",
    "write_latents",
    "write_neighbours",
    "write_pictures",
    "write_verdicts",
]

_TABLES = {
    "latents": (
        "LatentTable",
        "check_latents_target",
        "read_files",
        "read_labels",
        "read_latents",
        "write_latents",
    ),
    "neighbours": ("neighbour_table", "write_neighbours"),
    "verdicts": ("VERDICTS_FOLDER", "verdict_table", "write_verdicts"),
}

__getattr__ = late_names(__name__, _TABLES)
