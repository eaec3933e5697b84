"""A model on more rows than fit at once: in evaluation mode, without gradients."""

from collections.abc import Callable

import torch

from reparam.model.autoencoder import Autoencoder

BATCH = 500


def in_batches(
    model: Autoencoder, rows: torch.Tensor, function: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """``function`` of every batch of ``rows``, which is moved to the model's device; on the CPU.

    The model is left in the mode in which it was.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    with torch.no_grad():
        parts = [function(batch.to(device)).cpu() for batch in rows.split(BATCH)]
    model.train(was_training)
    return torch.cat(parts)
