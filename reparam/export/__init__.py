"""A run's results as files: images, latents, ONNX, the explorer's bundle; runs on the Hub.

What only some commands need is imported when it is first used: not all others wait for it.
"""

from typing import TYPE_CHECKING

from reparam.export.images import (
    LabelledImages,
    check_target,
    comparison_sheet,
    picture_names,
    write_images,
    write_pictures,
)
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
from reparam.late import late_names

if TYPE_CHECKING:
    from reparam.export.autoencoder_kl import (
        DiffusersFolder,
        KlPart,
        export_diffusers,
        kl_halves,
    )
    from reparam.export.bundle import IMAGES as BUNDLE_IMAGES
    from reparam.export.bundle import Bundle, bundle_of, held_out_views, make_bundle, run_ids
    from reparam.export.detector import export_detector
    from reparam.export.given_columns import check_table
    from reparam.export.halves import LARGE_BATCH, compared_batches
    from reparam.export.halves import TOLERANCE as ONNX_TOLERANCE
    from reparam.export.hub import (
        check_hub,
        check_hub_name,
        check_prior_is_public,
        fetch,
        is_hub_name,
        pull,
        push,
    )
    from reparam.export.latents import (
        LatentTable,
        check_latents_target,
        read_files,
        read_labels,
        read_latents,
        write_latents,
    )
    from reparam.export.model_card import CardOptions
    from reparam.export.neighbours import neighbour_table, write_neighbours
    from reparam.export.onnx import OnnxModel, export_onnx
    from reparam.export.pretrained import FINISHED_ONLY, PRETRAINED_FOLDER, save_pretrained
    from reparam.export.programs import TorchProgram, export_programs
    from reparam.export.verdicts import VERDICTS_FOLDER, verdict_table, write_verdicts

__all__ = [
    "BUNDLE_IMAGES",
    "DIFFUSERS_FOLDER",
    "FINISHED_ONLY",
    "LARGE_BATCH",
    "NEIGHBOURS_FOLDER",
    "ONNX_FOLDER",
    "ONNX_TOLERANCE",
    "PRETRAINED_FOLDER",
    "SITE_FOLDER",
    "TORCH_FOLDER",
    "VERDICTS_FOLDER",
    "Bundle",
    "CardOptions",
    "DiffusersFolder",
    "KlPart",
    "LabelledImages",
    "LatentTable",
    "OnnxModel",
    "OwnFolder",
    "TorchProgram",
    "bundle_of",
    "check_file_free",
    "check_folder_free",
    "check_hub",
    "check_hub_name",
    "check_latents_target",
    "check_prior_is_public",
    "check_table",
    "check_target",
    "compared_batches",
    "comparison_sheet",
    "export_detector",
    "export_diffusers",
    "export_onnx",
    "export_programs",
    "fetch",
    "held_out_views",
    "is_hub_name",
    "kl_halves",
    "make_bundle",
    "neighbour_table",
    "picture_names",
    "pull",
    "push",
    "read_files",
    "read_labels",
    "read_latents",
    "run_ids",
    "save_pretrained",
    "verdict_table",
    "write_file",
    "write_folder",
    "write_images",
    "write_latents",
    "write_neighbours",
    "write_pictures",
    "write_verdicts",
]

__getattr__ = late_names(__name__)
