"""Losses and weights that are no numbers: where that began, and what the likely causes are."""

from collections.abc import Mapping

import torch

from reparam.errors import NotFiniteError

TERMS = ("distortion", "rate")

CAUSES = {
    ("distortion",): "the decoder's output overflows: a learning rate or a weight that is too "
    "high, or output_activation linear without bounds",
    ("rate",): "the encoder's mean or log-variance overflows: a learning rate that is too high, or "
    "a weight that leaves the rate no weight",
    TERMS: "the weights overflowed in the update before it: a learning rate that is too high",
}


class FiniteWatch:
    """Counts, for each of the two terms, the steps of an epoch whose sum was still a number.

    A sum that is not finite stays so, and the count stops at the last good step. ``note`` does not
    wait for the device; ``check`` does.
    """

    def __init__(self, sums: torch.Tensor) -> None:
        self._sums = sums
        self.good = torch.zeros_like(sums, dtype=torch.int64)

    def begin(self, batch: int) -> None:
        """An epoch begins or goes on, after ``batch`` of its batches."""
        self.good.fill_(batch)

    def note(self) -> None:
        """A step was added to the sums."""
        self.good += torch.isfinite(self._sums)

    def check(self, epoch: int, batch: int, learning_rate: float) -> None:
        """Raises NotFiniteError when a term was no number in one of the ``batch`` steps done."""
        good = self.good.tolist()
        first = min(good)
        if first >= batch:
            return
        terms = tuple(term for term, count in zip(TERMS, good, strict=True) if count == first)
        value = self._sums[TERMS.index(terms[0])].item()
        verb = "are" if len(terms) > 1 else "is"
        raise NotFiniteError(
            f"the {' and the '.join(terms)} {verb} {value} in step {first + 1} of epoch {epoch}, "
            f"at a learning rate of {learning_rate:.3g}; likely: {CAUSES[terms]}"
        )


def check_weights(tensors: Mapping[str, torch.Tensor], epoch: int) -> None:
    """Raises NotFiniteError when one of ``tensors`` holds a nan or an infinity, and names it."""
    floats = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    # On the device, and read at once: a read of each would wait for it each time.
    device = next(iter(floats.values())).device
    good = torch.stack([torch.isfinite(tensor).all().to(device) for tensor in floats.values()])
    for name, is_good in zip(floats, good.tolist(), strict=True):
        if not is_good:
            raise NotFiniteError(
                f"{name} is no longer made of numbers after epoch {epoch}'s steps; likely: its "
                "gradient overflows, from a learning rate that is too high"
            )
