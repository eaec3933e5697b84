"""All that changes while a run trains, and how it is saved and restored."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import torch

from reparam.errors import RunError, reason_of
from reparam.model import Autoencoder
from reparam.objective import Loss
from reparam.runs import (
    Run,
    Tensors,
    check_same_run,
    identity,
    load_tensors,
    load_weights,
    migrate_checkpoint,
    save_tensors,
)
from reparam.training.average import Average
from reparam.training.optimiser import Optimiser
from reparam.training.sums import Sums, check_weights


def epoch_order(seed: int, epoch: int, n: int) -> torch.Tensor:
    """The order in which an epoch sees n images: a function of seed and epoch alone."""
    state = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> 1)
    return torch.randperm(n, generator=torch.Generator().manual_seed(state))


@dataclass
class Position:
    """How far a run is."""

    epoch: int = 0
    """Finished epochs."""
    batch: int = 0
    """Finished batches of the epoch under way."""
    images: int = 0
    """Images in those batches."""
    best_loss: float = float("inf")
    best_epoch: int = 0
    seconds: float = 0.0
    """Time spent in training steps, over all sessions."""
    finished: bool = False
    """Early stopping ended the run before its last epoch."""
    backoffs: int = 0
    """How often the run went back to a checkpoint because of a NaN or infinite loss."""
    rate_factor: float = 1.0
    """What that multiplies the learning rate by."""


@dataclass
class State:
    """Model, optimiser, random streams and position: what a checkpoint holds."""

    loss: Loss
    """The model, and the extra terms that may have parameters too."""
    optimiser: Optimiser
    average: Average
    """Of the weights that the optimiser trains: what validation and the best weights are of."""
    noise: torch.Generator
    """The stream of latent noise and corruption."""
    sums: Sums
    """Of the epoch under way."""
    position: Position = field(default_factory=Position)
    best: Tensors = field(default_factory=dict)
    """State of the model at the best epoch: the run's weights, when they are written next."""
    best_terms: Tensors = field(default_factory=dict)
    """State of the extra terms at the best epoch."""

    @property
    def model(self) -> Autoencoder:
        return self.loss.model

    def mark_best(self, loss: float) -> None:
        """The epoch that has just ended is the best so far, with this validation loss.

        With the weights as they are: the averaged ones must be in place.
        """
        self.position.best_loss, self.position.best_epoch = loss, self.position.epoch
        self._keep_best()
        self.best_terms = {k: v.clone() for k, v in self.loss.terms.state_dict().items()}

    def _keep_best(self) -> None:
        weights = self.model.state_dict()
        self.best = {k: v.detach().to("cpu", copy=True) for k, v in weights.items()}

    @property
    def is_best(self) -> bool:
        """Whether it is the end of the best epoch: its weights follow from the newest ones."""
        position = self.position
        return 0 < position.best_epoch == position.epoch and not position.batch

    def save(self, run: Run) -> None:
        """Writes the checkpoint: whole, or not at all.

        Raises NotFiniteError, and writes nothing, when a weight is not finite.
        """
        self.check()
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.values.items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items() if not self.is_best}
        tensors |= {f"terms.{k}": v for k, v in self.loss.terms.state_dict().items()}
        tensors |= {f"best_terms.{k}": v for k, v in self.best_terms.items()}
        tensors |= {f"optimiser.{k}": v for k, v in self.optimiser.tensors().items()}
        tensors |= {f"random.{k}": v for k, v in self._random_states().items()}
        tensors["sums"] = self.sums.values
        state = {
            **vars(self.position),
            "device": self.device.type,
            "terms": list(self.sums.names),
            "of": identity(run.config, run.facts),
        }
        save_tensors(run.checkpoint, tensors, "checkpoint", state)

    @property
    def device(self) -> torch.device:
        return self.sums.values.device

    def check(self) -> None:
        """Raises NotFiniteError when a weight, or what the optimiser knows of it, is not finite."""
        # A prior that is fitted after training has no numbers yet.
        later = {f"model.prior.{name}" for name, _ in self.model.prior.named_buffers()}
        weights = {
            name.removeprefix("model."): tensor
            for name, tensor in self.loss.state_dict().items()
            if name not in later
        }
        optimiser = {f"the optimiser's {k}": v for k, v in self.optimiser.tensors().items()}
        check_weights(weights | optimiser, self.position.epoch + 1)

    def restore(self, run: Run) -> None:
        """Goes back to the checkpoint. Raises RunError when it is damaged or another run's.

        On another kind of device than before the random streams start anew, with a warning.
        """
        saved = load_tensors(run.checkpoint, "checkpoint")
        tensors, state = migrate_checkpoint(saved.tensors, saved.state, saved.format)
        check_same_run(identity(run.config, run.facts), state.pop("of", {}), run.checkpoint)
        names = ("model", "average", "best", "terms", "best_terms", "optimiser", "random")
        groups: dict[str, Tensors] = {name: {} for name in names}
        for name, tensor in tensors.items():
            group, _, key = name.partition(".")
            if group in groups:
                groups[group][key] = tensor
        load_weights(self.model, groups["model"], run.checkpoint)
        try:
            self.average.restore(groups["average"])
            self.loss.terms.load_state_dict(groups["terms"])
            self.best, self.best_terms = groups["best"], groups["best_terms"]
            self.optimiser.restore(groups["optimiser"])
            self.sums.restore(tuple(state.pop("terms")), tensors["sums"])
            device = state.pop("device")
            self.position = Position(**state)
            if self.is_best:
                with self.average.in_place():
                    self._keep_best()
            if device == self.device.type:
                self._restore_random(groups["random"])
            else:
                warnings.warn(
                    f"{run.path} was trained on {device} and continues on {self.device.type}: its "
                    "random streams start anew",
                    stacklevel=2,
                )
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise RunError(
                f"{run.checkpoint}: its state does not fit this run ({reason_of(error)}). Fix: "
                "restore the file, or train again"
            ) from error

    def _random_states(self) -> dict[str, torch.Tensor]:
        states = {"cpu": torch.get_rng_state(), "noise": self.noise.get_state()}
        match self.device.type:
            case "cuda":
                states["device"] = torch.cuda.get_rng_state(self.device)
            case "mps":
                states["device"] = torch.mps.get_rng_state()
        return states

    def _restore_random(self, states: dict[str, torch.Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        self.noise.set_state(states["noise"])
        match self.device.type:
            case "cuda":
                torch.cuda.set_rng_state(states["device"], self.device)
            case "mps":
                torch.mps.set_rng_state(states["device"])
