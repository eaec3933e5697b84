"""The optimiser: Adam as Keras has it, or Muon beside it; and the learning rate of each step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from reparam.model import hidden_weights
from reparam.objective import Term
from reparam.runs import TrainingConfig
from reparam.training.muon import Muon

KERAS_EPSILON = 1e-7

REMEMBERED = 0.98
"""Of the running mean of gradients' norms, what is kept in a step."""

USUAL = "usual_norms"


@dataclass(frozen=True)
class Optimiser:
    """What takes the steps: one part for every kind of parameter, by name."""

    parts: Mapping[str, Optimizer]
    scales: Mapping[str, float] = field(default_factory=dict)
    """What the learning rate is multiplied by, of parts that have one of their own."""
    usual: torch.Tensor = field(default_factory=lambda: torch.zeros(1))
    """The running mean of the norms of gradients that `clip` scales alike; 0 before any."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All that it trains."""
        return [parameter for part in self.parts.values() for parameter in _parameters(part)]

    def set_step(self, step: int, learning_rate: float) -> None:
        """Prepares for step number ``step`` (from 0).

        Keras adds ε to √v before the bias correction, PyTorch after it (Kingma & Ba 2015, the
        remark below algorithm 1); dividing ε by √(1 − β₂ᵗ) makes the two equal.
        """
        for name, part in self.parts.items():
            for group in part.param_groups:
                group["lr"] = learning_rate * self.scales.get(name, 1.0)
                if isinstance(part, Adam):
                    beta2 = group["betas"][1]
                    group["eps"] = KERAS_EPSILON / math.sqrt(1 - beta2 ** (step + 1))

    def zero_grad(self) -> None:
        for part in self.parts.values():
            part.zero_grad()

    def clip(self, norm: float, spikes: float = 0.0) -> None:
        """Scales gradients alike, so that their norm together is at most ``norm``, and at most
        ``spikes`` times the usual one; 0 does not. Those of a term with an optimiser of its own are
        scaled for themselves.

        It does not wait for the device. A gradient with a NaN or an infinity is NaN then, as its
        step would be.
        """
        if not norm and not spikes:
            return
        apart = [_parameters(self.parts[name]) for name in self.scales]
        own = {parameter for parameters in apart for parameter in parameters}
        for i, parameters in enumerate([[p for p in self.parameters if p not in own], *apart]):
            gradients = [p.grad for p in parameters if p.grad is not None]
            if not gradients:  # of a term that has not begun
                continue
            found = nn.utils.get_total_norm(gradients)
            most = torch.full_like(found, norm or math.inf)
            if spikes:
                usual = self.usual[i]
                most = torch.where(usual > 0, most.minimum(spikes * usual), most)
                kept = torch.where(usual > 0, REMEMBERED, 0.0)
                usual.copy_(kept * usual + (1 - kept) * found.minimum(most))
            torch._foreach_mul_(gradients, (most / found).clamp(max=1.0))

    def step(self) -> None:
        for part in self.parts.values():
            part.step()

    def tensors(self) -> dict[str, torch.Tensor]:
        """The state as named tensors."""
        known = {USUAL: self.usual} if self.usual.any() else {}
        return known | {
            f"{name}.{i}.{key}": value
            for name, part in self.parts.items()
            for i, entry in part.state_dict()["state"].items()
            for key, value in entry.items()
        }

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Puts back what ``tensors`` gave, laid out in memory as the parameters are.

        Raises KeyError for the state of another optimiser.
        """
        states: dict[str, dict[int, dict[str, torch.Tensor]]] = {name: {} for name in self.parts}
        self.usual.zero_()
        for name, value in tensors.items():
            if name == USUAL:
                self.usual.copy_(value)
                continue
            part, index, key = name.split(".", 2)
            parameter = _parameters(self.parts[part])[int(index)]
            if value.shape == parameter.shape:
                value = torch.empty_like(parameter).copy_(value)
            states[part].setdefault(int(index), {})[key] = value
        for kind, optimiser in self.parts.items():
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": states[kind], "param_groups": groups})


def _parameters(part: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in part.param_groups for parameter in group["params"]]


def build_optimiser(
    model: nn.Module, learning_rate: float, name: Literal["adam", "muon"] = "adam"
) -> Optimiser:
    """Adam with Keras' constants; for muon the weights between channels go to Muon instead.

    Terms with an optimiser of their own are a part each, ``term_`` and their name.
    """
    apart = {
        f"term_{path.rpartition('.')[2]}": term
        for path, term in model.named_modules()
        if isinstance(term, Term) and term.optimiser is not None
    }
    own = {parameter for term in apart.values() for parameter in term.parameters()}
    muons = [p for p in hidden_weights(model) if p not in own] if name == "muon" else []
    others = [p for p in model.parameters() if p not in own.union(muons)]
    parts: dict[str, Optimizer] = {"adam": _adam(others, learning_rate, (0.9, 0.999))}
    if muons:
        parts["muon"] = Muon(muons, lr=learning_rate)
    scales = {}
    for part, term in apart.items():
        assert term.optimiser is not None
        rate = term.optimiser.learning_rate
        parts[part] = _adam(list(term.parameters()), rate, term.optimiser.betas)
        scales[part] = rate / learning_rate
    usual = torch.zeros(1 + len(scales), device=others[0].device)
    return Optimiser(parts, scales, usual)


def _adam(parameters: list[nn.Parameter], rate: float, betas: tuple[float, float]) -> Adam:
    fused = parameters[0].device.type in ("cpu", "cuda")
    return Adam(parameters, lr=rate, betas=betas, eps=KERAS_EPSILON, fused=fused)


def learning_rate_at(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """The learning rate of step number ``step`` (from 0).

    step: lr · decay^floor(epoch / decay_every), as in the article. one-cycle: linear from lr / 25
    to lr, then a cosine to 0 (after Smith & Topin 2019).
    """
    peak = config.learning_rate
    if config.schedule == "step":
        epoch = step // steps_per_epoch
        return peak * config.decay ** (epoch // config.decay_every)
    total = config.epochs * steps_per_epoch
    done = step / max(total, 1)
    if done < config.warm_up:
        return peak * (1 + 24 * done / config.warm_up) / 25
    falling = (done - config.warm_up) / (1 - config.warm_up)
    return peak * 0.5 * (1 + math.cos(math.pi * min(falling, 1.0)))
