"""The terms of a loss summed over an epoch, and where one stopped being a finite number."""

from collections.abc import Mapping

import torch

from reparam.errors import NotFiniteError

OBJECTIVE = "objective"
"""What is minimised, watched beside the terms."""

DERIVED = ("squared_error", "loss", OBJECTIVE)
"""What follows from other terms: named as the cause only where these are finite."""

CAUSES: Mapping[tuple[str, ...], str] = {
    ("distortion",): "the decoder's output overflows: a learning rate or a weight that is too "
    "high, or an output without bounds",
    ("rate",): "the encoder's output overflows: a learning rate that is too high, or "
    "a weight that leaves the rate no weight",
    ("distortion", "rate"): "the weights overflowed in the update before it: a learning rate that "
    "is too high",
}
OTHER_CAUSE = "a learning rate, or a weight of the term, that is too high"


class Sums:
    """Each term summed over the images of the epoch so far, and for each how many steps were good.

    A sum that is not finite stays so, and its count stops at the last good step. ``add`` does not
    wait for the device; ``check`` and ``means`` do. The names are those of the first step, and
    from then on the memory stays the same: a step that is replayed knows no other.
    """

    def __init__(self, device: torch.device) -> None:
        self.names: tuple[str, ...] = ()
        # Apple's GPUs have no float64.
        kind = torch.float32 if device.type == "mps" else torch.float64
        self.values = torch.zeros(0, dtype=kind, device=device)
        self.good = torch.zeros(0, dtype=torch.int64, device=device)
        self.done = 0

    def begin(self, batch: int) -> None:
        """An epoch begins or continues, after ``batch`` of its batches."""
        self.done = batch
        self.good.fill_(batch)

    def add(self, terms: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """A step's terms, of its images (B,) each. Returns their sums, in the order of names."""
        if not self.names:
            self.restore(tuple(terms), self.values.new_zeros(len(terms)))
        # One reduction for all: a kernel for each would cost more than the sums.
        step = torch.stack([terms[name] for name in self.names], 1).sum(0)
        self.values += step
        self.good += torch.isfinite(self.values)
        return step

    def restore(self, names: tuple[str, ...], values: torch.Tensor) -> None:
        """Continues from the sums of a checkpoint; one from before the first step has none."""
        if not names:
            self.zero()
            return
        if names != self.names:
            self.names = names
            self.values = torch.empty_like(values, dtype=self.values.dtype, device=self.good.device)
            self.good = torch.empty_like(self.values, dtype=torch.int64)
        self.values.copy_(values)
        self.good.fill_(self.done)

    def zero(self) -> None:
        self.values.zero_()

    def means(self, images: int) -> dict[str, float]:
        """Each term's mean over ``images``."""
        means = (self.values.cpu().double() / max(images, 1)).tolist()
        return {n: mean for n, mean in zip(self.names, means, strict=True) if n != OBJECTIVE}

    def check(self, epoch: int, batch: int, learning_rate: float) -> None:
        """Raises NotFiniteError when a term was not finite in one of the ``batch`` steps done."""
        good = dict(zip(self.names, self.good.tolist(), strict=True))
        first = min(good.values(), default=batch)
        if first >= batch:
            return
        bad = [name for name, count in good.items() if count == first]
        terms = tuple(name for name in bad if name not in DERIVED) or tuple(bad)
        value = self.values[self.names.index(terms[0])].item()
        verb = "are" if len(terms) > 1 else "is"
        raise NotFiniteError(
            f"the {' and the '.join(terms)} {verb} {value} in step {first + 1} of epoch {epoch}, "
            f"at a learning rate of {learning_rate:.3g}; likely: {CAUSES.get(terms, OTHER_CAUSE)}"
        )


def check_weights(tensors: Mapping[str, torch.Tensor], epoch: int) -> None:
    """Raises NotFiniteError when one of ``tensors`` holds a NaN or an infinity, and names it."""
    floats = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    # On the device, and read at once: a read of each would wait for it each time.
    device = next(iter(floats.values())).device
    good = torch.stack([torch.isfinite(tensor).all().to(device) for tensor in floats.values()])
    for name, is_good in zip(floats, good.tolist(), strict=True):
        if not is_good:
            raise NotFiniteError(
                f"{name} has NaN or infinite values after epoch {epoch}'s steps; likely: its "
                "gradient overflows, from a learning rate that is too high"
            )
