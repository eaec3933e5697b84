"""How a judge is trained: seeded, on the training split, in a fixed number of steps."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from reparam.data import (
    ImageSet,
    Progress,
    RowReader,
    from_bytes,
)
from reparam.errors import DataError
from reparam.evaluation.judge.blur import blurred_in_part
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.model import rows_at_once
from reparam.objective import Augmentation
from reparam.training import Muon
from reparam.types import IndexArray

BATCH = 64
EPOCHS = 16
FEWEST, MOST = 200, 2500
"""Steps. The most are 160,000 images: three epochs of MNIST."""

LEARNING_RATE = 3e-3
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises; it then falls to 0 linearly."""

SMOOTHING = 0.05
"""Of the labels (Szegedy et al. 2016, section 7)."""

SHIFT, ROTATE = 0.07, 12.0
"""Augmentation: up to this share of the smaller side, and up to so many degrees, either way."""

BLURRED, BLUR = 0.5, 0.07
"""Share of each batch that is blurred, by up to this share of the smaller side. Without it a judge
that read 99.4 % of real digits found the class of 44 % of a VAE's reconstructions (d = 2), with it
of 55 %; their 10 nearest neighbours in the latent plane know 58 % (docs/log.md)."""

MEASURED = 10_000
"""Training images at most over which the features are standardised."""


def fitted(images: ImageSet, seed: int, device: str, progress: Progress | None) -> JudgeNetwork:
    """A judge's network trained on the training split, in evaluation mode, on ``device``.

    With labels by cross-entropy, without them by the squared error of the reconstruction. Torch's
    global random state is left as it was. Raises DataError without training images.
    """
    index = images.splits["train"]
    if not len(images.labelled("train")):
        raise DataError(
            f"{images.name}: a judge needs training images, got none. Fix: lower --test-fraction"
        )
    classes = None if images.labels is None else len(images.class_names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = JudgeNetwork(images.image_shape, classes)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _train(network, images, seed, progress)
    network.eval()
    # Spread over the whole split, which may be sorted by class.
    spread = np.linspace(0, len(index) - 1, min(len(index), MEASURED)).astype(np.int64)
    _standardise(network, images, index[spread])
    return network.requires_grad_(False)


def _train(network: JudgeNetwork, images: ImageSet, seed: int, progress: Progress | None) -> None:
    device = next(network.parameters()).device
    reader, index = RowReader(images.images), images.labelled("train")
    labels = None if images.labels is None else torch.tensor(images.labels)
    steps = min(max(EPOCHS * len(index) // BATCH, FEWEST), MOST)
    optimisers = _optimisers(network)
    generator = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.int64)
    side = min(images.image_shape[:2])
    augmented, blur = Augmentation(SHIFT * side, ROTATE), BLUR * side
    if progress is not None:
        progress("training the judge", 0, steps)
    for step in range(steps):
        while len(order) < BATCH:  # whole batches: batch norm needs more than one image
            order = torch.cat([order, torch.randperm(len(index), generator=generator)])
        rows, order = index[order[:BATCH].numpy()], order[BATCH:]
        x = from_bytes(torch.from_numpy(reader.take(rows)))
        x = augmented(x, generator)
        x = blurred_in_part(x, BLURRED, blur, generator)
        x = x.to(device)
        rate = LEARNING_RATE * min((step + 1) / (WARM_UP * steps), 1) * (1 - step / steps)
        out = network(x)
        if labels is None:
            loss = F.mse_loss(out, x)
        else:
            loss = F.cross_entropy(out, labels[rows].to(device), label_smoothing=SMOOTHING)
        network.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        if progress is not None:
            progress("training the judge", step + 1, steps)


def _optimisers(network: JudgeNetwork) -> list[torch.optim.Optimizer]:
    """Muon for the weights between hidden layers, Adam for the rest."""
    hidden: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    last = list(network.head.parameters())[-2]
    for parameter in network.parameters():
        is_hidden = parameter.ndim > 1 and parameter is not last
        (hidden if is_hidden else others).append(parameter)
    return [Muon(hidden, LEARNING_RATE), torch.optim.Adam(others, LEARNING_RATE)]


def _standardise(network: JudgeNetwork, images: ImageSet, index: IndexArray) -> None:
    """Mean 0 and variance 1 of each feature over these images, as they are, not augmented."""
    device = next(network.parameters()).device
    reader, parts = RowReader(images.images), []
    most = rows_at_once(images.image_shape)
    with torch.no_grad():
        for start in range(0, len(index), most):
            x = from_bytes(torch.from_numpy(reader.take(index[start : start + most])).to(device))
            parts.append(network.features.before_standardising(x).cpu())
    values = torch.cat(parts).double()
    layer = network.features.standardise
    assert layer.running_mean is not None
    assert layer.running_var is not None
    layer.running_mean.copy_(values.mean(0))
    # A dead feature stays where it is, rather than being blown up to unit variance.
    variance = values.var(0, correction=0)
    layer.running_var.copy_(variance.where(variance > 1e-6, torch.ones_like(variance)))
