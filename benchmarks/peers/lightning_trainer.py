"""Lightning's Trainer on the network of the plain peer; logger, checkpoints and bars are off."""

import time
import warnings

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from peers.job import LEARNING_RATE, Job, Trained
from peers.network import VAE, parameter_count

PACKAGES = ("lightning", "torch")


class Module(lightning.LightningModule):
    def __init__(self, job: Job) -> None:
        super().__init__()
        self.vae = VAE(job.batch_norm, job.dropout)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return self.vae.loss(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


class Clock(lightning.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        self.began = 0.0
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer: object, pl_module: object) -> None:
        self.began = time.perf_counter()

    def on_train_epoch_end(self, trainer: object, pl_module: object) -> None:
        self.seconds.append(time.perf_counter() - self.began)


def train(job: Job, pixels: np.ndarray, batch_size: int) -> Trained:
    images = torch.from_numpy(pixels).unsqueeze(1).float() / 255
    loader = DataLoader(TensorDataset(images), batch_size=batch_size, shuffle=True)
    module, clock = Module(job), Clock()
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1 + job.repeats,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[clock],
    )
    with warnings.catch_warnings():
        # Workers for the loader: images that lie in memory are fed fastest without.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        trainer.fit(module, loader)
    return Trained(tuple(clock.seconds[1:]), parameter_count(module))
