"""pythae's TrainingPipeline with its VAE around the plain peer's encoder and decoder.

Its own loss is ½ · squared error + KL, with the same arithmetic as 1000 · MSE + KL.
"""

import tempfile
import time

import numpy as np
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor

from peers import network
from peers.job import LEARNING_RATE, Job, Trained

PACKAGES = ("pythae", "torch")


class Encoder(BaseEncoder):
    def __init__(self, job: Job) -> None:
        super().__init__()
        self.network = network.Encoder(job.batch_norm, job.dropout)

    def forward(self, x: Tensor) -> ModelOutput:
        mu, log_var = self.network(x)
        return ModelOutput(embedding=mu, log_covariance=log_var)


class Decoder(BaseDecoder):
    def __init__(self, job: Job) -> None:
        super().__init__()
        self.network = network.Decoder(job.batch_norm, job.dropout)

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.network(z))


class Clock(TrainingCallback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        self.began = 0.0
        self.seconds: list[float] = []

    def on_epoch_begin(self, training_config: object, **kwargs: object) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, training_config: object, **kwargs: object) -> None:
        self.seconds.append(time.perf_counter() - self.began)


def train(job: Job, pixels: np.ndarray, batch_size: int) -> Trained:
    images = pixels[:, None].astype("float32") / 255
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=2)
    model = VAE(config, encoder=Encoder(job), decoder=Decoder(job))
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = TrainingPipeline(
            model=model,
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1 + job.repeats,
                per_device_train_batch_size=batch_size,
                learning_rate=LEARNING_RATE,
                no_cuda=True,
            ),
        )
        pipeline(train_data=images, callbacks=[clock])
    return Trained(tuple(clock.seconds[1:]), network.parameter_count(model))
