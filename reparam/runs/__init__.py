"""A run on disk: its configuration, folder, checkpoints and records, and a view of it."""

from reparam.runs.command import command_line
from reparam.runs.config import RunConfig, TrainingConfig
from reparam.runs.files import (
    TEMPORARY,
    append_line,
    check_writable,
    remove_leftovers,
    remove_leftovers_of,
    unwritable,
    write_atomically,
)
from reparam.runs.folder import CONFIG, METRICS, PRIOR_FILE, RESULT, WEIGHTS, check_free, is_empty
from reparam.runs.json_file import read_mapping, write_mapping
from reparam.runs.lock import writing
from reparam.runs.migrations import migrate_checkpoint, migrate_config
from reparam.runs.options import (
    Option,
    misplaced_option,
    options_of,
    shared_options,
    to_mapping,
    warn_of_deprecated,
)
from reparam.runs.presets import (
    DEFAULT_RECIPE,
    PRESETS,
    RECIPES,
    Preset,
    preset_config,
    title_of,
)
from reparam.runs.projection import (
    Points,
    Projection,
    Scatter,
    check_umap,
    chosen_plane,
    latent_name,
    principal_plane,
    umap_scatter,
)
from reparam.runs.records import SPLIT_IMAGES, Epoch, Facts, Metrics, Result
from reparam.runs.resolving import read_config_file, resolve, with_parts
from reparam.runs.run import IN_MEMORY, Run
from reparam.runs.same_run import check_same_run, identity
from reparam.runs.suited import (
    AUTO,
    PICTURES,
    SOME_PICTURES,
    SUITED_BY,
    Suited,
    follows_images,
    is_articles,
    named_recipe,
    suited_recipe,
)
from reparam.runs.view import RunView, look_at, ready_to_view, view_of, with_distinct_titles
from reparam.runs.weights import Saved, Tensors, load_tensors, load_weights, save_tensors

__all__ = [
    "AUTO",
    "CONFIG",
    "DEFAULT_RECIPE",
    "IN_MEMORY",
    "METRICS",
    "PICTURES",
    "PRESETS",
    "PRIOR_FILE",
    "RECIPES",
    "RESULT",
    "SOME_PICTURES",
    "SPLIT_IMAGES",
    "SUITED_BY",
    "TEMPORARY",
    "WEIGHTS",
    "Epoch",
    "Facts",
    "Metrics",
    "Option",
    "Points",
    "Preset",
    "Projection",
    "Result",
    "Run",
    "RunConfig",
    "RunView",
    "Saved",
    "Scatter",
    "Suited",
    "Tensors",
    "TrainingConfig",
    "append_line",
    "check_free",
    "check_same_run",
    "check_umap",
    "check_writable",
    "chosen_plane",
    "command_line",
    "follows_images",
    "identity",
    "is_articles",
    "is_empty",
    "latent_name",
    "load_tensors",
    "load_weights",
    "look_at",
    "migrate_checkpoint",
    "migrate_config",
    "misplaced_option",
    "named_recipe",
    "options_of",
    "preset_config",
    "principal_plane",
    "read_config_file",
    "read_mapping",
    "ready_to_view",
    "remove_leftovers",
    "remove_leftovers_of",
    "resolve",
    "save_tensors",
    "shared_options",
    "suited_recipe",
    "title_of",
    "to_mapping",
    "umap_scatter",
    "unwritable",
    "view_of",
    "warn_of_deprecated",
    "with_distinct_titles",
    "with_parts",
    "write_atomically",
    "write_mapping",
    "writing",
]
