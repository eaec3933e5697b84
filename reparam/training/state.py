"""All that changes while a run trains, and how it is saved and restored."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import torch

from reparam.errors import RunError
from reparam.model import Autoencoder
from reparam.training.finite import check_weights
from reparam.training.identity import check_same_run, identity
from reparam.training.optimiser import Optimiser
from reparam.training.run import Run, load_weights
from reparam.training.weighing import Weighing
from reparam.training.weights import load_tensors, save_tensors


def epoch_order(seed: int, epoch: int, n: int) -> torch.Tensor:
    """The order in which an epoch sees n images: a function of seed and epoch alone."""
    state = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> 1)
    return torch.randperm(n, generator=torch.Generator().manual_seed(state))


@dataclass
class Position:
    """Where a run stands."""

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
    """How often the run went back to a checkpoint because a loss was no number."""
    rate_factor: float = 1.0
    """What that multiplies the learning rate by."""


@dataclass
class State:
    """Model, optimiser, random streams and position: what a checkpoint holds."""

    model: Autoencoder
    optimiser: Optimiser
    noise: torch.Generator
    """The stream of latent noise and corruption."""
    sums: torch.Tensor
    """The distortion without σ² (half of the squared error where the likelihood is normal) and the
    rate, summed over the images of the epoch under way (2,)."""
    weighing: Weighing
    """How the weight moves."""
    position: Position = field(default_factory=Position)

    def save(self, run: Run) -> None:
        """Writes the checkpoint: whole, or not at all.

        Raises NotFiniteError, and writes nothing, when a weight is no number.
        """
        self.check()
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"optimiser.{k}": v for k, v in self.optimiser.tensors().items()}
        tensors |= {f"random.{k}": v for k, v in self._random_states().items()}
        tensors["sums"] = self.sums
        tensors["weighing"] = self.weighing.average
        position = {**vars(self.position), "device": self.sums.device.type, "of": identity(run)}
        save_tensors(run.checkpoint, tensors, "checkpoint", position)

    def check(self) -> None:
        """Raises NotFiniteError when a weight, or what the optimiser knows of it, is no number."""
        # A prior that is fitted after training has no numbers yet.
        later = {f"prior.{name}" for name, _ in self.model.prior.named_buffers()}
        model = {k: v for k, v in self.model.state_dict().items() if k not in later}
        optimiser = {f"the optimiser's {k}": v for k, v in self.optimiser.tensors().items()}
        check_weights(model | optimiser, self.position.epoch + 1)

    def restore(self, run: Run) -> None:
        """Goes back to the checkpoint. Raises RunError when it is damaged or another run's.

        On another kind of device than before the random streams start anew, with a warning.
        """
        tensors, position = load_tensors(run.checkpoint, "checkpoint")
        check_same_run(run, position.pop("of", {}))
        groups: dict[str, dict[str, torch.Tensor]] = {"model": {}, "optimiser": {}, "random": {}}
        for name, tensor in tensors.items():
            group, _, key = name.partition(".")
            if group in groups:
                groups[group][key] = tensor
        load_weights(self.model, groups["model"], run.checkpoint)
        try:
            self.optimiser.restore(groups["optimiser"])
            self.sums.copy_(tensors["sums"])
            self.weighing.average.copy_(tensors["weighing"])
            device = position.pop("device")
            self.position = Position(**position)
            if device == self.sums.device.type:
                self._restore_random(groups["random"])
            else:
                warnings.warn(
                    f"{run.path} was trained on {device} and goes on on "
                    f"{self.sums.device.type}: its random streams start anew",
                    stacklevel=2,
                )
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise RunError(
                f"{run.checkpoint}: its state does not fit this run ({error}); restore the file, "
                "or train again"
            ) from error

    def _random_states(self) -> dict[str, torch.Tensor]:
        states = {"cpu": torch.get_rng_state(), "noise": self.noise.get_state()}
        match self.sums.device.type:
            case "cuda":
                states["device"] = torch.cuda.get_rng_state(self.sums.device)
            case "mps":
                states["device"] = torch.mps.get_rng_state()
        return states

    def _restore_random(self, states: dict[str, torch.Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        self.noise.set_state(states["noise"])
        match self.sums.device.type:
            case "cuda":
                torch.cuda.set_rng_state(states["device"], self.sums.device)
            case "mps":
                torch.mps.set_rng_state(states["device"])

    def losses(self, images: int) -> tuple[float, float]:
        """Mean distortion, with σ² as it is now, and rate of the epoch so far."""
        unscaled, rate = (self.sums.cpu().double() / max(images, 1)).tolist()
        return unscaled / self.weighing.scale.item(), rate
