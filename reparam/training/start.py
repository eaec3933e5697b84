"""What a session of training begins with: a fresh state, and what computes its gradients."""

import numpy as np
import torch

from reparam.data import ImageSet, RowReader
from reparam.model import build_autoencoder, use_native
from reparam.objective import Loss
from reparam.runs import RunConfig
from reparam.training.average import Average
from reparam.training.feed import Feed
from reparam.training.optimiser import build_optimiser
from reparam.training.state import State
from reparam.training.step import Gradients, ReplayedGradients, cuda_graph
from reparam.training.sums import Sums
from reparam.training.team import Team

MEAN_OF = 10_000
"""Images that the mean is taken from: more do not change it."""

VARIANCE_OF = 2_000
"""Images that the variance around their mean is taken from."""


def new_state(
    config: RunConfig,
    images: ImageSet,
    feed: Feed,
    device: torch.device,
    kernels: str,
    pixel_variance: float,
) -> State:
    """Fresh weights and random streams: a function of the seed and the configuration.

    ``pixel_variance``: of the images around their mean image, where a searched σ² begins.
    """
    torch.manual_seed(config.seed)
    training = config.training
    model = build_autoencoder(config.model, images.image_shape)
    if kernels == "native":
        use_native(model)
    if training.output_bias == "mean":
        model.init_output_bias(_mean_image(feed, len(images.splits["train"])))
    loss = Loss(model, config.objective, config.terms, config.inputs)
    # Channels-last is the layout that convolutions are fastest in, on CPUs and on GPUs.
    loss.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.likelihood.init_scale(pixel_variance)
    optimiser = build_optimiser(loss, training.learning_rate, training.optimiser)
    trained = set(optimiser.parameters)
    named = {name: p for name, p in loss.named_parameters() if p in trained}
    return State(
        loss=loss,
        optimiser=optimiser,
        average=Average(named, training.ema),
        noise=torch.Generator(device).manual_seed(config.seed),
        sums=Sums(device),
    )


def _mean_image(feed: Feed, count: int) -> torch.Tensor:
    """The training images' mean (C, H, W), from about MEAN_OF of them."""
    some = feed.batch(torch.arange(0, count, max(1, count // MEAN_OF)))
    return some.batch().images.mean(0).cpu()


def pixel_variance_of(images: ImageSet) -> float:
    """The training images' variance around their mean image, a pixel and channel, from about
    VARIANCE_OF of them: the mean squared error of a decoder that knows only the mean.
    """
    index = images.splits["train"]
    chosen = index[:: max(1, len(index) // VARIANCE_OF)]
    reader = RowReader(images.images)
    total, squares = np.zeros(images.image_shape), 0.0
    for start in range(0, len(chosen), 100):
        x = reader.take(chosen[start : start + 100]) / 255
        total += x.sum(0)
        squares += float(np.square(x).sum())
    around_mean = squares - float(np.square(total).sum()) / len(chosen)
    return max(around_mean, 0.0) / (max(len(chosen) - 1, 1) * total.size)


def gradients_of(
    state: State, config: RunConfig, images: ImageSet, team: Team
) -> Gradients | ReplayedGradients:
    """What computes a step's gradients: replayed from a recording on a GPU."""
    training = config.training
    few = len(images.splits["train"]) < training.augment_below
    shift, rotate = (training.shift, training.rotate) if few else (0.0, 0.0)
    gradients = Gradients(state, team, shift=shift, rotate=rotate, accumulate=training.accumulate)
    if team.fabric.device.type == "cuda" and team.size == 1:  # DDP's hooks are not for recording
        return ReplayedGradients(gradients, training.global_batch, cuda_graph)
    return gradients
