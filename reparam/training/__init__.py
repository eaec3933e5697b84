"""The loop and what changes while it runs: step, optimisers, schedules, several processes."""

from reparam.training.assembling import assemble, resolve_processes
from reparam.training.device import choose_device, processor_name
from reparam.training.events import (
    BackedOff,
    Ended,
    EpochDone,
    Event,
    Finishing,
    Listener,
    Preparing,
    Started,
    StepDone,
    Warned,
)
from reparam.training.fitting import (
    LatentFit,
    PriorFit,
    fit_prior,
    fit_run_prior,
)
from reparam.training.interrupt import Interrupted
from reparam.training.listeners import writers
from reparam.training.loop import train
from reparam.training.muon import Muon
from reparam.training.step import gradient_step
from reparam.training.team import Team
from reparam.training.tracking import check_loggers

__all__ = [
    "BackedOff",
    "Ended",
    "EpochDone",
    "Event",
    "Finishing",
    "Interrupted",
    "LatentFit",
    "Listener",
    "Muon",
    "Preparing",
    "PriorFit",
    "Started",
    "StepDone",
    "Team",
    "Warned",
    "assemble",
    "check_loggers",
    "choose_device",
    "fit_prior",
    "fit_run_prior",
    "gradient_step",
    "processor_name",
    "resolve_processes",
    "train",
    "writers",
]
