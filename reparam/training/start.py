"""What a session of training begins with: a fresh state, and what computes its gradients."""

import numpy as np
import torch

from reparam.data import ImageSet, RowReader
from reparam.model import from_bytes, use_native
from reparam.training.config import RunConfig
from reparam.training.feed import Feed
from reparam.training.finite import FiniteWatch
from reparam.training.gradients import Gradients, Objective, ReplayedGradients, cuda_graph
from reparam.training.optimiser import build_optimiser
from reparam.training.run import build_model
from reparam.training.state import State
from reparam.training.team import Team
from reparam.training.weighing import Weighing

MEAN_OF = 10_000
"""Images that the mean is taken from: more do not change it."""


SPREAD_OF = 2_000
"""Images that the variance around their mean is taken from."""


def new_state(
    config: RunConfig,
    images: ImageSet,
    feed: Feed,
    device: torch.device,
    kernels: str,
    spread: float,
) -> State:
    """Fresh weights and random streams: a function of the seed and the configuration.

    ``spread``: the images' variance around their mean image, where a sought σ² begins.
    """
    torch.manual_seed(config.seed)
    training = config.training
    model = build_model(config, images.image_shape)
    if kernels == "native":
        use_native(model)
    if training.output_bias == "mean":
        model.begin_at(_mean_image(feed, len(images.splits["train"])))
    # Channels-last is the layout that convolutions are fastest in, on CPUs and on GPUs.
    model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    sums_type = torch.float32 if device.type == "mps" else torch.float64
    weighing = Weighing(config.objective, model)
    weighing.begin_at(spread)
    return State(
        model=model,
        weighing=weighing,
        optimiser=build_optimiser(model, training.learning_rate, training.optimiser),
        noise=torch.Generator(device).manual_seed(config.seed),
        sums=torch.zeros(2, dtype=sums_type, device=device),
    )


def _mean_image(feed: Feed, count: int) -> torch.Tensor:
    """The training images' mean (C, H, W), from about MEAN_OF of them."""
    batch = feed.batch(torch.arange(0, count, max(1, count // MEAN_OF)))
    return from_bytes(batch).mean(0).cpu()


def spread_of(images: ImageSet) -> float:
    """The training images' variance around their mean image, a pixel and channel, from about
    SPREAD_OF of them: the mean squared error of a decoder that knows only the mean.
    """
    index = images.splits["train"]
    chosen = index[:: max(1, len(index) // SPREAD_OF)]
    reader = RowReader(images.images)
    total, squares = np.zeros(images.image_shape), 0.0
    for start in range(0, len(chosen), 100):
        x = reader.take(chosen[start : start + 100]) / 255
        total += x.sum(0)
        squares += float(np.square(x).sum())
    around_mean = squares - float(np.square(total).sum()) / len(chosen)
    return max(around_mean, 0.0) / (max(len(chosen) - 1, 1) * total.size)


def gradients_of(
    state: State, config: RunConfig, images: ImageSet, team: Team, watch: FiniteWatch
) -> Gradients | ReplayedGradients:
    """What computes a step's gradients: replayed from a recording on a GPU."""
    training = config.training
    few = len(images.splits["train"]) < training.augment_below
    shift, rotate = (training.shift, training.rotate) if few else (0.0, 0.0)
    objective = Objective(state.model, config.objective, shift=shift, rotate=rotate)
    gradients = Gradients(objective, team, state, watch)
    if team.fabric.device.type == "cuda" and team.size == 1:  # DDP's hooks are not for recording
        return ReplayedGradients(gradients, training.global_batch, cuda_graph)
    return gradients
