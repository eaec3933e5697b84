"""What the figures take of the held-out images: examples, and draws from their posteriors."""

import numpy as np
import torch

from reparam.runs import RunView
from reparam.types import LatentArray


def examples_by_class(view: RunView, n: int) -> list[int]:
    """n indices of held-out images, going round the classes where there are labels."""
    if view.labels is None:
        return list(range(min(n, len(view.images))))
    queues = [list(np.flatnonzero(view.labels == c)) for c in range(-1, len(view.class_names))]
    order = [int(q[k]) for k in range(n) for q in queues if k < len(q)]
    return order[:n]


def posterior_samples(view: RunView, seed: int = 0) -> LatentArray:
    """One z ~ q(z|x) for each held-out image: draws from the aggregate posterior, (N, d)."""
    return view.q.rsample(torch.Generator().manual_seed(seed)).numpy()
