"""How a model is trained, and the whole configuration of a run."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro

from reparam.data import DataConfig
from reparam.errors import ConfigError
from reparam.model import ModelConfig
from reparam.objective import ObjectiveConfig

OptimiserName = Literal["adam", "muon"]

LEARNED = ("gaussian", "mixture")
"""Priors that have nothing but their KL to learn from."""


@dataclass(frozen=True)
class TrainingConfig:
    """Optimiser, schedule, duration, and what is written on the way."""

    epochs: int = 30
    """Passes over the training images."""

    batch_size: int = 32
    """Images a step in each process; a step of all takes --devices × --num-nodes as many."""

    optimiser: OptimiserName = "adam"
    """adam, or muon: Muon for the weights of convolutions and of an MLP, Adam for the rest."""

    learning_rate: float = 5e-4
    """The optimiser's learning rate; the peak, with the one-cycle schedule."""

    schedule: Literal["step", "one-cycle"] = "step"
    """step: the rate is multiplied by --decay every --decay-every epochs (1 keeps it constant);
    one-cycle: up over the first --warm-up of the run, then down to 0 along a cosine."""

    decay: float = 1.0
    """Factor of the step schedule."""

    decay_every: int = 1
    """Epochs between the steps of the step schedule."""

    warm_up: float = 0.2
    """Share of the run in which the one-cycle schedule rises."""

    rate_warm_up: float = 0.0
    """Share of the run in which the rate's weight in the loss rises, linearly, from 0.02."""

    output_bias: Literal["zero", "mean"] = "zero"
    """Where the decoder's last bias begins: zero, or where it gives the training images' mean."""

    shift: float = 0.0
    """Move training images at random by up to this many pixels, either way."""

    rotate: float = 0.0
    """Turn training images at random by up to this many degrees, either way."""

    augment_until: float = 1.0
    """Share of the run in which they move and turn; afterwards they are seen as they are."""

    augment_below: int = 10_000
    """Shift and rotate only where there are fewer training images than this."""

    early_stop: int | None = None
    """Stop when the validation loss has not improved for this many epochs."""

    on_nan: Literal["stop", "backoff"] = "stop"
    """When a loss is no longer a number: stop; or backoff: go back to the last checkpoint with
    half of the learning rate, at most three times."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the convolutions; auto takes bfloat16 where the processor has it."""

    kernels: Literal["auto", "native", "pytorch"] = "auto"
    """What computes bfloat16 convolutions on a CPU: native are this package's own, which are
    compiled on first use where the processor has AVX512-BF16 and g++ is installed."""

    device: str = "auto"
    """auto, cpu, cuda or mps."""

    deterministic: bool = False
    """Take only algorithms that give the same numbers each time, at some cost of speed; one process
    on a CPU gives them anyway."""

    devices: int = 1
    """Processes on each machine: one for each GPU, or several on the CPU."""

    num_nodes: int = 1
    """Machines. Start the same command on each (by torchrun or SLURM), with a shared run folder."""

    sample_every: int = 100
    """Decode one random latent to samples/ every this many batches; 0 for none."""

    tensorboard: bool = False
    """Also write the metrics for TensorBoard, to tensorboard/ in the run folder."""

    @property
    def global_batch(self) -> int:
        """Images a step, over all processes that the run was planned for."""
        return self.batch_size * self.devices * self.num_nodes

    def __post_init__(self) -> None:
        at_least_one = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "decay_every": self.decay_every,
            "devices": self.devices,
            "num_nodes": self.num_nodes,
            "early_stop": 1 if self.early_stop is None else self.early_stop,
        }
        for name, value in at_least_one.items():
            if value < 1:
                raise ConfigError(f"{name} must be 1 or more, found {value}: raise it")
        if not 0 < self.learning_rate < float("inf"):
            raise ConfigError(
                f"learning_rate must be above 0, found {self.learning_rate}: 5e-4 is the article's"
            )
        if not 0 < self.decay <= 1:
            raise ConfigError(
                f"decay must lie above 0 and at most at 1, found {self.decay}: 1 keeps the rate"
            )
        if not 0 <= self.warm_up < 1:
            raise ConfigError(
                f"warm_up is a share from 0 up to but not including 1, found {self.warm_up}: "
                "choose one, such as 0.2"
            )
        if not (0 <= self.shift < float("inf") and 0 <= self.rotate <= 180):
            raise ConfigError(
                f"shift is 0 or more pixels and rotate 0 to 180 degrees, found {self.shift} and "
                f"{self.rotate}: choose some such as 1 and 10"
            )
        for name in ("rate_warm_up", "augment_until"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ConfigError(f"{name} is a share from 0 to 1, found {value}: choose one")
        if self.sample_every < 0:
            raise ConfigError(
                f"sample_every must be 0 or more, found {self.sample_every}: 0 writes no samples"
            )


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines a run."""

    preset: Annotated[str, tyro.conf.arg(name="model")] = "vae"
    """The combination of parts to start from: ae, vae, dae (denoising AE), ae-functional or
    burda."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    seed: int = 0
    """Seed of the initial weights, the order of the images, the latent noise and dropout."""

    def __post_init__(self) -> None:
        if self.model.posterior == "delta" and self.objective.regulariser == "kl":
            raise ConfigError(
                "a point has no finite KL to a continuous prior, found posterior delta with "
                "regulariser kl: take regulariser none, or posterior diagonal-normal"
            )
        if self.model.prior in LEARNED and self.objective.regulariser != "kl":
            raise ConfigError(
                f"a prior is learned through the KL term, found prior {self.model.prior} with "
                f"regulariser {self.objective.regulariser}: take regulariser kl (a VAE), or fit a "
                "prior after training with `reparam fit-prior`"
            )
        if self.model.prior == "box" and self.objective.regulariser == "kl":
            raise ConfigError(
                "the box is known when training has ended and has no KL before, found prior box "
                "with regulariser kl: take prior standard-normal, or regulariser none (an AE)"
            )
        if self.model.likelihood == "bernoulli" and self.objective.given:
            name = self.objective.given[0]
            raise ConfigError(
                "a bernoulli likelihood has no variance and so no weight, found "
                f"{name} {getattr(self.objective, name)}: leave it out, or take likelihood gaussian"
            )
        if self.objective.free_bits and self.model.prior != "standard-normal":
            raise ConfigError(
                f"free_bits needs a prior of independent dimensions, found {self.model.prior}: "
                "take prior standard-normal, or leave free_bits out"
            )
        if self.training.early_stop is not None and not self.objective.compares:
            raise ConfigError(
                "early_stop compares the epochs' losses, which a target keeps in motion, found "
                f"{self.objective.sought} with early_stop {self.training.early_stop}: leave one out"
            )
        if not 0 <= self.seed < 2**32:
            raise ConfigError(
                f"seed must lie between 0 and 2^32 - 1, found {self.seed}: choose one, such as 0"
            )
        if self.training.early_stop is not None and not self.data.valid_fraction:
            raise ConfigError(
                "early_stop watches the validation loss, found valid_fraction 0: hold images out, "
                "or leave early_stop away"
            )
