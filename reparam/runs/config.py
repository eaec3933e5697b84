"""How a model is trained, and the whole configuration of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from reparam.data import NAMED_SOURCES, DataConfig
from reparam.errors import ConfigError
from reparam.fields import MOST_SEED, as_path, check_options, option
from reparam.loggers import LoggerOptions, TensorBoardOptions
from reparam.model import ImageShape, ModelConfig, check_fittable
from reparam.objective import Augmentation, Elbo, InputConfig, Objective, TermOptions, check_loss
from reparam.registry import check_different

OptimiserName = Literal["adam", "muon"]


@dataclass(frozen=True)
class TrainingConfig:
    """Optimiser, schedule, duration, and what is written on the way."""

    epochs: int = option(30, common=True, least=1)
    """Passes over the training images."""

    batch_size: int = option(32, common=True, least=1)
    """Images a step in each process. A step of all takes --devices × --num-nodes as many."""

    optimiser: OptimiserName = "adam"
    """adam, or muon: Muon for the weights of convolutions and of an MLP, Adam for the rest."""

    learning_rate: float = option(5e-4, common=True, above=0)
    """The optimiser's learning rate. With the one-cycle schedule it is the peak."""

    schedule: Literal["step", "one-cycle"] = "step"
    """step: the rate is multiplied by --decay every --decay-every epochs (1 keeps it constant);
    one-cycle: up over the first --warm-up of the run, then down to 0 along a cosine."""

    decay: float = option(1.0, above=0, most=1)
    """Factor of the step schedule."""

    decay_every: int = option(1, least=1)
    """Epochs between the steps of the step schedule."""

    warm_up: float = option(0.2, least=0, below=1)
    """Share of the run in which the one-cycle schedule rises."""

    rate_warm_up: float = option(0.0, least=0, most=1)
    """Share of the run in which the rate's weight in the loss rises, linearly, from 0.02; not with
    the objective semi-supervised."""

    ema: float = option(0.0, least=0, below=1)
    """Decay of a moving average of the weights, such as 0.999: validation and the saved weights are
    of the average, which decays faster in the first steps. 0 for none."""

    clip: float = option(0.0, least=0)
    """Scale a step's gradient down to this norm where its own is larger; 0 for never."""

    clip_spikes: float = option(0.0, least=0)
    """Scale a step's gradient down to this many times the usual norm, a running mean of those of
    the last steps, where its own is larger; 0 for never. One such step can undo a run."""

    accumulate: int = option(1, least=1)
    """Compute a step's gradient in this many parts of its batch, one after another: less memory,
    the same gradient. Batch norm, free bits and the terms mmd, total-correlation, dip, factor and
    capacity take their statistics from each part, and the term adversarial its weight."""

    output_bias: Literal["zero", "mean"] = "zero"
    """Where the decoder's last bias begins: zero, or where it gives the training images' mean."""

    shift: float = option(0.0, least=0)
    """Move training images at random by up to this many pixels, either way."""

    rotate: float = option(0.0, least=0, most=180)
    """Turn training images at random by up to this many degrees, either way."""

    zoom: float = option(0.0, least=0, most=4)
    """Enlarge or shrink training images at random by up to this share, such as 0.3."""

    flip: bool = False
    """Mirror half of the training images, left to right, at random."""

    augment_share: float = option(1.0, least=0, most=1)
    """Share of the training images that are turned, zoomed and moved by parts of a pixel. The
    others are moved by whole pixels and mirrored alone, and stay as sharp as they are."""

    augment_until: float = option(1.0, least=0, most=1)
    """Share of the run in which they are shifted, rotated, zoomed and flipped; afterwards they are
    seen as they are."""

    augment_below: int = option(10_000, least=0)
    """Shift, rotate, zoom and flip only where there are fewer training images than this; where
    there are not, `train` says so."""

    fitted_prior: str | None = None
    """When training ends, fit this prior to the training images' latents, as `reparam fit-prior`
    does: gaussian, mixture or flow. Draws are then from it."""

    early_stop: int | None = option(None, least=1)
    """Stop when the validation loss has not improved for this many epochs in which every extra term
    has begun; never with the term adversarial, whose epochs are not compared by it."""

    on_nan: Literal["stop", "backoff"] = "stop"
    """When a loss is NaN or infinite: stop; or backoff: go back to the last checkpoint with half of
    the learning rate, at most three times. Then a checkpoint is written after every epoch."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of convolutions and matrix products. auto, where the processor has bfloat16: what
    is faster for the model, measured before training (and the kernels with it)."""

    kernels: Literal["auto", "native", "pytorch"] = "auto"
    """What computes convolutions, and in residual networks what stands between them, on a CPU:
    native are this package's own, which are compiled on first use where g++ is installed and the
    processor has AVX512-BF16 (for bfloat16) or AVX2 (for float32). auto: what is faster for the
    model, measured before training."""

    device: str = option("auto", common=True)
    """Where to compute: auto, cpu, cuda or mps."""

    deterministic: bool = False
    """Take only algorithms that give the same numbers each time, at some cost of speed; one process
    on a CPU gives them anyway."""

    devices: int = option(1, least=1)
    """Processes on each machine: one for each GPU, or several on the CPU."""

    num_nodes: int = option(1, least=1)
    """Machines. Start the same command on each (by torchrun or SLURM), with a shared run folder."""

    checkpoint_seconds: float = option(60.0, least=0)
    """Write a checkpoint after an epoch only when the last one is at least this many seconds old,
    and always at the end and after Ctrl-C; 0 after every epoch."""

    sample_every: int = option(100, least=0)
    """Decode one random latent to samples/ every this many batches; 0 for none."""

    logger: tuple[LoggerOptions, ...] = ()
    """Trackers that get the metrics of each epoch, the sample pictures and the options, beside the
    run folder."""

    tensorboard: bool = False
    """The same as --logger tensorboard, which takes its place."""

    @property
    def loggers(self) -> tuple[LoggerOptions, ...]:
        """The chosen ones, whichever option names them."""
        named = any(isinstance(chosen, TensorBoardOptions) for chosen in self.logger)
        return (*self.logger, *[TensorBoardOptions()] * (self.tensorboard and not named))

    @property
    def augmentation(self) -> Augmentation:
        """What is done to training images where they are few."""
        return Augmentation(self.shift, self.rotate, self.zoom, self.flip, self.augment_share)

    @property
    def global_batch(self) -> int:
        """Images a step, over all processes that the run was planned for."""
        return self.batch_size * self.devices * self.num_nodes

    def first_full_rate(self, warms_up: bool) -> float:
        """Share of the run after the first epoch that ends with the rate, where the objective's
        ``warms_up``, at its full weight.
        """
        warm_up = self.rate_warm_up if warms_up else 0.0
        return max(1, math.ceil(warm_up * self.epochs)) / self.epochs

    def __post_init__(self) -> None:
        check_options(self)
        if self.fitted_prior is not None:
            check_fittable(self.fitted_prior)
        if self.accumulate > self.batch_size:
            raise ConfigError(
                f"accumulate must be at most the batch_size, {self.batch_size}, got "
                f"{self.accumulate}. Fix: lower it"
            )
        check_different(self.logger, "logger")


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines a run."""

    preset: str = option("vae", flag="model", common=True)
    """The parts to start from: vae, ae, dae, cvae or another of --help-all. There are ae, vae, dae
    (denoising AE), cvae (of a class), m2 (classes known in part), rae, wae, aae (AEs to draw from),
    info-vae, beta-tc, factor, dip (independent dimensions), burda, iwae, chain, iaf, vamp,
    chain-vamp, exemplar, flow-prior (likelihood), svae (on a sphere), ae-functional."""

    data: DataConfig = field(default_factory=DataConfig)
    inputs: InputConfig = field(default_factory=InputConfig)
    model: ModelConfig = field(default_factory=ModelConfig)

    objective: Objective = Elbo()
    """What training minimises."""

    terms: tuple[TermOptions, ...] = ()
    """Extra terms of the loss."""

    training: TrainingConfig = field(default_factory=TrainingConfig)

    seed: int = option(0, common=True, least=0, most=MOST_SEED)
    """Seed of everything random but the split: weights, order of the images, noise, dropout."""

    def __post_init__(self) -> None:
        check_options(self)
        self.objective.check(self.model)
        for term in self.terms:
            term.check(self.model, self.inputs)
            term.check_schedule(self.training.first_full_rate(self.objective.warms_up))
        _check_early_stop(self)
        _check_binarise(self)
        check_different(self.terms, "terms")

    def resolve_defaults(self) -> "RunConfig":
        """The same configuration with what depends on defaults written out."""
        return replace(self, model=self.model.resolve_defaults(self.objective.has_rate))

    def for_classes(self, class_names: Sequence[str]) -> "RunConfig":
        """The same configuration for images of these classes; none: without labels.

        Raises ConfigError where the model does not go with them.
        """
        return replace(self, model=self.model.for_classes(len(class_names)))

    def check_for(self, image_shape: ImageShape) -> None:
        """What a new run is looked at for: raises what `check_loss` raises of its parts, on grey
        images of this shape, and ConfigError for options that would change nothing.
        """
        training = self.training
        for name in ("decay", "decay_every"):
            value = getattr(training, name)
            if training.schedule != "step" and value != getattr(TrainingConfig, name):
                raise ConfigError(
                    f"{name} must come with schedule step, got {value} with {training.schedule}. "
                    f"Fix: --schedule step, or omit {name}"
                )
        check_loss(self.model, self.objective, self.terms, self.inputs, image_shape)

    def as_recorded(self) -> "RunConfig":
        """As config.json has it: whatever depends on the folder or on defaults is written out."""
        return replace(self.resolve_defaults(), data=_with_absolute_paths(self.data))


def _with_absolute_paths(data: DataConfig) -> DataConfig:
    """So that a run finds its images from any folder."""
    source = as_path(data.source)
    if data.source not in NAMED_SOURCES and source.exists():
        data = replace(data, source=str(source.resolve()))
    if data.data_dir is not None:
        data = replace(data, data_dir=as_path(data.data_dir).resolve())
    return data


def _check_early_stop(config: RunConfig) -> None:
    patience = config.training.early_stop
    if patience is None:
        return
    if not config.model.likelihood.losses_comparable:
        raise ConfigError(
            "early_stop must compare losses of different epochs, got a weight that moves to a "
            f"target, with early_stop {patience}. Fix: omit one of both"
        )
    if not config.data.valid_fraction:
        raise ConfigError(
            "early_stop must have a validation loss to watch, got valid_fraction 0. Fix: hold "
            "images out, or omit early_stop"
        )


def _check_binarise(config: RunConfig) -> None:
    likelihood = config.model.likelihood
    if likelihood.needs_grey and config.inputs.binarise != "none":
        raise ConfigError(
            f"likelihood {likelihood.type} must have grey levels to learn a scale of, got "
            f"binarise {config.inputs.binarise}, which leaves black and white. Fix: take "
            "--likelihood bernoulli, or omit binarise"
        )
