"""The only room whose state changes: loop, optimiser, schedules, checkpoints, run folder."""

from reparam.training.config import RunConfig, TrainingConfig
from reparam.training.device import choose_device
from reparam.training.events import Ended, EpochDone, Event, Listener, Started, StepDone
from reparam.training.interrupt import Interrupted
from reparam.training.listeners import sample_writer, tensorboard_writer
from reparam.training.loop import train
from reparam.training.presets import PRESETS, RECIPES, preset_config
from reparam.training.run import Facts, Run, build_model
from reparam.training.settings import apply_config_file, read_config_file, to_mapping

__all__ = [
    "PRESETS",
    "RECIPES",
    "Ended",
    "EpochDone",
    "Event",
    "Facts",
    "Interrupted",
    "Listener",
    "Run",
    "RunConfig",
    "Started",
    "StepDone",
    "TrainingConfig",
    "apply_config_file",
    "build_model",
    "choose_device",
    "preset_config",
    "read_config_file",
    "sample_writer",
    "tensorboard_writer",
    "to_mapping",
    "train",
]
