"""What a session of training begins with: a fresh state, and what computes its gradients."""

import numpy as np
import torch

from reparam.data import Batch, ImageSet, RowReader
from reparam.model import Components, EncoderBound, build_autoencoder
from reparam.objective import Augmentation, Loss
from reparam.printable import several
from reparam.runs import RunConfig
from reparam.training.arithmetic import Arithmetic
from reparam.training.average import Average
from reparam.training.events import Listener, Preparing
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

COMPONENTS_OF = 4_000
"""Images that principal components are taken from; of fewer, as often as they are augmented."""

AT_ONCE = 100
"""Images that are read at a time: all of them would not fit into memory where they are large."""


def new_state(
    config: RunConfig,
    images: ImageSet,
    feed: Feed,
    device: torch.device,
    arithmetic: Arithmetic,
    pixel_variance: float,
    begins: bool,
    emit: Listener,
) -> State:
    """Fresh weights and random streams: a function of the seed and the configuration.

    ``pixel_variance``: of the images around their mean image, where a searched σ² begins.
    Where no run ``begins`` a checkpoint is restored over them: principal components and the mean
    image, which take time, are not looked for then. ``emit`` gets an event before what takes time.
    """
    torch.manual_seed(config.seed)
    training = config.training
    count = len(images.splits["train"])
    model = build_autoencoder(config.model, images.image_shape)
    arithmetic.prepare(model)
    if model.components and begins:
        emit(Preparing(f"principal components of {several(count, 'training image')}"))
        small = _small_images(config, model.components[0], feed, count)
        pixel_variance = min(pixel_variance, model.init_components(small))
    if training.output_bias == "mean" and begins:
        model.init_output_bias(_mean_image(feed, count))
    for part in model.prior.modules():
        if isinstance(part, EncoderBound):
            some = _some_images(feed, count, part.components)
            part.init_images(some.images.cpu(), some.index.cpu())
    if model.classifier is not None:
        model.classifier.labelled.fill_(len(images.labelled("train")) / count)
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


def _some_images(feed: Feed, count: int, wanted: int) -> Batch:
    """As many training images, or all, evenly from the first to the last."""
    return feed.batch(torch.linspace(0, count - 1, min(wanted, count)).long()).batch()


def _mean_image(feed: Feed, count: int) -> torch.Tensor:
    """The training images' mean (C, H, W), from about MEAN_OF of them."""
    numbers = torch.arange(0, count, max(1, count // MEAN_OF))
    parts = (feed.batch(part).batch().images for part in numbers.split(AT_ONCE))
    sums = [images.sum(0).cpu().double() for images in parts]
    return (torch.stack(sums).sum(0) / len(numbers)).float()


def _small_images(
    config: RunConfig, components: Components, feed: Feed, count: int
) -> torch.Tensor:
    """About COMPONENTS_OF training images (B, C, h, w) as they are trained on, made smaller."""
    augmented = augmentation_of(config, count)
    numbers = torch.arange(0, count, max(1, count // COMPONENTS_OF))
    rounds = max(1, COMPONENTS_OF // len(numbers)) if augmented else 1
    noise = torch.Generator().manual_seed(config.seed)
    found = []
    for part in numbers.split(AT_ONCE) * rounds:
        x = feed.batch(part).batch().images.cpu()
        found.append(components.shrink(augmented(x, noise)))
    return torch.cat(found)


def augmentation_of(config: RunConfig, count: int) -> Augmentation:
    """Of ``count`` training images: none where they are many."""
    training = config.training
    if count >= training.augment_below:
        return Augmentation()
    return training.augmentation


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
    state: State, config: RunConfig, images: ImageSet, team: Team, arithmetic: Arithmetic
) -> Gradients | ReplayedGradients:
    """What computes a step's gradients: replayed from a recording on a GPU."""
    training = config.training
    augmented = augmentation_of(config, len(images.splits["train"]))
    gradients = Gradients(state, team, augmented, arithmetic, accumulate=training.accumulate)
    if team.fabric.device.type == "cuda" and team.size == 1:  # DDP's hooks are not for recording
        return ReplayedGradients(gradients, training.global_batch, cuda_graph)
    return gradients
