"""Weights & Biases: a run below wandb/ in the run folder, which nobody gets by itself."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reparam.loggers.base import LOGGERS, LoggedRun, Logger, LoggerOptions


@LOGGERS.register("wandb")
@dataclass(frozen=True)
class WandbOptions(LoggerOptions):
    """W&B, in wandb/ in the run folder; sends nothing unless WANDB_MODE=online is set."""

    package = "wandb"
    extra = "wandb"

    project: str = "reparam"
    """The W&B project."""

    def build(self, run: LoggedRun) -> Logger:
        return _Wandb(run, self.project)


class _Wandb(Logger):
    def __init__(self, run: LoggedRun, project: str) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read when it is imported
        import wandb

        self.image = wandb.Image
        self.run = wandb.init(
            project=project,
            name=run.name,
            id=run.id,
            resume="allow",
            config=dict(run.options),
            allow_val_change=True,  # such as a resumed run's epochs
            dir=run.folder.parent,  # below which it makes wandb/
            mode=None if os.environ.get("WANDB_MODE") else "offline",  # None: as that says
            reinit="create_new",  # a run of the caller's stays as it is
            settings=wandb.Settings(
                silent=True,
                console="off",
                save_code=False,
                disable_code=True,
                disable_git=True,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
            ),
        )

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def picture(self, file: Path, step: int) -> None:
        self.run.log({"sample": self.image(str(file))}, step=step)

    def close(self) -> None:
        self.run.finish()
