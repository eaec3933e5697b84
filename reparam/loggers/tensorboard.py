"""TensorBoard: event files in tensorboard/ in the run folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reparam.loggers.base import LOGGERS, LoggedRun, Logger, LoggerOptions


@LOGGERS.register("tensorboard")
@dataclass(frozen=True)
class TensorBoardOptions(LoggerOptions):
    """Event files in tensorboard/ in the run folder."""

    package = "tensorboard"
    extra = "tensorboard"

    def build(self, run: LoggedRun) -> Logger:
        return _TensorBoard(run)


class _TensorBoard(Logger):
    def __init__(self, run: LoggedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        # What a killed session wrote behind its last checkpoint comes again, and is hidden.
        purge = run.first_step + 1 if run.first_step else None
        self.writer = SummaryWriter(run.folder, purge_step=purge)
        for summary in hparams(dict(run.options), {}):
            self.writer._get_file_writer().add_summary(summary)  # add_hparams makes another run
        self.writer.flush()

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()  # so that a full disk is noticed here

    def picture(self, file: Path, step: int) -> None:
        pixels = np.asarray(Image.open(file))
        layout = "HW" if pixels.ndim == 2 else "HWC"
        self.writer.add_image("sample", pixels, step, dataformats=layout)

    def close(self) -> None:
        self.writer.close()
