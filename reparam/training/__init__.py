"""The only room whose state changes: loop, optimiser, schedules, checkpoints, run folder."""

from reparam.training.config import RunConfig, TrainingConfig
from reparam.training.device import choose_device
from reparam.training.events import (
    BackedOff,
    Ended,
    EpochDone,
    Event,
    Listener,
    Started,
    StepDone,
    Warned,
)
from reparam.training.fitting import (
    LatentFit,
    PriorFit,
    aggregate_latents,
    fit_prior,
    fit_run_prior,
    latent_fit,
)
from reparam.training.folder import check_free, is_empty
from reparam.training.interrupt import Interrupted
from reparam.training.listeners import (
    check_tensorboard,
    sample_writer,
    tensorboard_writer,
)
from reparam.training.lock import writing
from reparam.training.loop import train
from reparam.training.presets import (
    DEFAULT_RECIPE,
    PRESETS,
    RECIPES,
    apply_recipe,
    preset_config,
    title_of,
)
from reparam.training.run import IN_MEMORY, Facts, Run, build_model
from reparam.training.settings import (
    apply_config_file,
    read_config_file,
    to_mapping,
    updated,
)
from reparam.training.team import Team, assemble, leads, planned
from reparam.training.validation import mean_losses

__all__ = [
    "DEFAULT_RECIPE",
    "IN_MEMORY",
    "PRESETS",
    "RECIPES",
    "BackedOff",
    "Ended",
    "EpochDone",
    "Event",
    "Facts",
    "Interrupted",
    "LatentFit",
    "Listener",
    "PriorFit",
    "Run",
    "RunConfig",
    "Started",
    "StepDone",
    "Team",
    "TrainingConfig",
    "Warned",
    "aggregate_latents",
    "apply_config_file",
    "apply_recipe",
    "assemble",
    "build_model",
    "check_free",
    "check_tensorboard",
    "choose_device",
    "fit_prior",
    "fit_run_prior",
    "is_empty",
    "latent_fit",
    "leads",
    "mean_losses",
    "planned",
    "preset_config",
    "read_config_file",
    "sample_writer",
    "tensorboard_writer",
    "title_of",
    "to_mapping",
    "train",
    "updated",
    "writing",
]
