"""The ELBO of images and their classes, of which only some are known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from reparam.data import UNKNOWN, Batch
from reparam.fields import option
from reparam.model import Autoencoder, Noise
from reparam.objective.base import OBJECTIVES, Drawn, Losses, Objective, Phase
from reparam.objective.elbo import Elbo

OF_LABELS = frozenset(("class_cross_entropy", "class_error"))
"""Terms of the images with a label."""


@OBJECTIVES.register("semi-supervised")
@dataclass(frozen=True)
class SemiSupervised(Objective):
    """The ELBO of images and their classes, of which only some are known (M2).

    Of a conditional model with a classifier q(y|x), and p(y) = 1/K (Kingma et al. 2014, eq. 9).
    """

    trains_classifier: ClassVar[bool] = True

    alpha: float = option(10.0, least=0)
    """Weight of the classifier's cross-entropy, its mean over the images with a label, against the
    bound's mean over all. The paper has 0.1, and trains for thousands of epochs."""

    @property
    def warms_up(self) -> bool:
        """No: while the rate counts little, z tells the class too, and the classifier learns from
        the few labels alone (docs/log.md).
        """
        return False

    def __call__(
        self, model: Autoencoder, batch: Batch, phase: Phase, noise: Noise = None
    ) -> Losses:
        """Nats; L(x, y) is −ELBO of log p(x|y), and w_y is 1 at a known class, or else q(y|x).

        ``loss`` = Σ_y w_y L(x, y) + ``class_rate``, which is ln K (eq. 6), or else ln K − H(q(y|x))
        (eq. 7). With a label, else 0: ``labelled``, 1; ``class_cross_entropy``, −ln q(y|x); and
        ``class_error``, 1 where the most probable class is another.
        """
        assert model.classifier is not None
        labels = torch.full_like(batch.index, UNKNOWN) if batch.labels is None else batch.labels
        log_q = model.classifier(batch.seen).log_softmax(1)
        known, best = labels >= 0, log_q.argmax(1)
        read = torch.where(known, labels, best)
        own = read[:, None] == torch.arange(model.classes, device=read.device)
        w = torch.where(known[:, None], own.float(), log_q.exp())
        batches = [replace(batch, labels=torch.full_like(read, y)) for y in range(model.classes)]
        each = [Elbo()(model, of_class, phase, noise) for of_class in batches]

        def mean(values: list[torch.Tensor]) -> torch.Tensor:
            return (w * torch.stack(values, 1)).sum(1)

        terms = {name: mean([losses.terms[name] for losses in each]) for name in each[0].terms}
        log_w = (w * log_q).sum(1)  # ln q(y|x), or else −H(q(y|x))
        class_rate, cross_entropy = math.log(model.classes) + ~known * log_w, -(known * log_w)
        bound = mean([losses.objective for losses in each]) + class_rate
        terms |= {
            "loss": terms["loss"] + class_rate,
            "class_rate": class_rate,
            "class_cross_entropy": cross_entropy,
            "class_error": (known & (best != labels)).float(),
            "labelled": known.float(),
        }
        objective = bound + self.alpha * cross_entropy / model.classifier.labelled
        return Losses(objective, terms, Drawn.of(model, replace(batch, labels=read), noise))

    def reported(self, means: Mapping[str, float]) -> dict[str, float]:
        """Cross-entropy and error as means over the images with a label, where there are some."""
        share = means["labelled"]
        found = {name: value for name, value in means.items() if share or name not in OF_LABELS}
        return found | {name: found[name] / share for name in OF_LABELS & found.keys()}

    def reported_of_each(self, terms: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Cross-entropy and error of the images with a label."""
        known = terms["labelled"] > 0
        return dict(terms) | {name: np.where(known, terms[name], np.nan) for name in OF_LABELS}
