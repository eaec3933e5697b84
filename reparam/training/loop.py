"""The training loop: one for every model."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from reparam.data import SPLITS, ImageSet, Split
from reparam.errors import ReparamError
from reparam.model import Autoencoder, from_bytes, in_batches
from reparam.model.noise import Noise
from reparam.objective import ObjectiveConfig, Weight, elbo_terms
from reparam.training.config import RunConfig
from reparam.training.events import Ended, EpochDone, Event, Listener, Started, StepDone
from reparam.training.feed import open_feed
from reparam.training.interrupt import Interrupted, StopWish, stop_on_signal
from reparam.training.optimiser import build_optimiser, learning_rate_at, set_step
from reparam.training.run import Run, build_model
from reparam.training.state import State, epoch_order
from reparam.training.team import Team, assemble_one, lost, lost_error
from reparam.training.validation import mean_losses
from reparam.training.weights import remove_leftovers


class Objective(nn.Module):
    """Bytes of a batch (B, H, W, C) → distortion and rate, each (B,): what Fabric wraps."""

    def __init__(self, model: Autoencoder, config: ObjectiveConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config

    def forward(self, pixels: torch.Tensor, generator: Noise) -> tuple[torch.Tensor, torch.Tensor]:
        terms = elbo_terms(self.model, from_bytes(pixels), self.config, generator)
        return terms.distortion, terms.rate


def train(
    run: Run, images: ImageSet, listeners: Sequence[Listener] = (), team: Team | None = None
) -> Autoencoder:
    """Trains ``run`` to its planned end, from its checkpoint where it has one.

    ``team``: the processes that train together, where there are several; all of them call this.
    Returns the best model, in evaluation mode on the CPU. Raises Interrupted after Ctrl-C, when
    the checkpoint is written, ReparamError when the loss is no longer a number, and LostError when
    another process of the team is gone.
    """
    if team is None:
        team = assemble_one(run.config().training)
    try:
        return _Training(run, images, listeners, team).go()
    except Interrupted:  # all of the team stop by themselves, at one step
        raise
    except BaseException as error:
        team.end()
        if team.size > 1 and isinstance(error, RuntimeError) and lost(error):
            raise lost_error(team) from error
        raise


class _Training:
    """One session of training: what is fixed while ``State`` changes."""

    def __init__(
        self, run: Run, images: ImageSet, listeners: Sequence[Listener], team: Team
    ) -> None:
        self.run, self.images, self.team = run, images, team
        self.listeners = listeners if team.leads else ()
        self.config: RunConfig = run.config()
        self.fabric, self.precision = team.fabric, team.precision
        self.feed = open_feed(images.images, images.splits["train"], self.fabric.device)
        self.train_count = len(images.splits["train"])
        self.state = self._new_state()
        module = Objective(self.state.model, self.config.objective)
        self.step_module = self.fabric.setup_module(module, move_to_device=False)
        size = self.config.training.global_batch
        self.steps_per_epoch = math.ceil(self.train_count / size)
        dimensions = math.prod(images.image_shape)
        self.weight = Weight(self.config.objective.r_loss_factor, dimensions)
        self.own_images = 0
        """Images in ``state.sums``, which the team adds up at the epoch's end."""

    def _new_state(self) -> State:
        torch.manual_seed(self.config.seed)
        model = build_model(self.config, self.images.image_shape)
        device = self.fabric.device
        # Channels-last is the layout that convolutions are fastest in, on CPUs and on GPUs.
        model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        sums_type = torch.float32 if device.type == "mps" else torch.float64
        return State(
            model=model,
            optimiser=build_optimiser(model, self.config.training.learning_rate),
            noise=torch.Generator(device).manual_seed(self.config.seed),
            sums=torch.zeros(2, dtype=sums_type, device=device),
        )

    def emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def go(self) -> Autoencoder:
        state, epochs = self.state, self.config.training.epochs
        if self.run.checkpoint.exists():
            state.restore(self.run)
        if self.team.leads:
            remove_leftovers(self.run.path)
            self.run.keep_metrics(state.position.epoch)
            if state.position.epoch < epochs and not state.position.finished:
                self.run.forget_result()
            self.own_images = state.position.images
        else:
            state.sums.zero_()
        self.team.draw_apart(self.config.seed, state.position.epoch, state.position.batch)
        with self._session(), stop_on_signal() as wish:
            while state.position.epoch < epochs and not state.position.finished:
                self.train_epoch(wish)
                self.close_epoch()
        if self.team.leads:
            self.finish()
        self.team.wait()
        return self.run.load_model()

    @contextmanager
    def _session(self) -> Iterator[None]:
        position = self.state.position
        self.emit(
            Started(
                epochs=self.config.training.epochs,
                first_epoch=position.epoch,
                first_batch=position.batch,
                steps_per_epoch=self.steps_per_epoch,
                images=self.train_count,
                device=str(self.fabric.device) + self.team.times(),
                precision=self.precision,
                seconds=position.seconds,
            )
        )
        try:
            yield
        finally:
            self.emit(Ended())

    def train_epoch(self, wish: StopWish) -> None:
        """The batches of one epoch that are not done yet."""
        state, config = self.state, self.config.training
        position = state.position
        order = epoch_order(self.config.seed, position.epoch, self.train_count)
        left = order.split(config.global_batch)[position.batch :]
        parts = [self.team.part(indices) for indices in left]
        state.model.train()
        began, spent = time.perf_counter(), position.seconds
        for indices, pixels in zip(left, self.feed.batches(parts), strict=True):
            number = position.epoch * self.steps_per_epoch + position.batch
            rate = learning_rate_at(config, number, self.steps_per_epoch)
            set_step(state.optimiser, number, rate)
            self.step(pixels, len(indices))
            position.batch += 1
            position.images += len(indices)
            position.seconds = spent + time.perf_counter() - began
            self.emit(
                StepDone(
                    epoch=position.epoch + 1,
                    batch=position.batch,
                    images=len(indices),
                    losses=self.losses_so_far,
                    model=state.model,
                )
            )
            if self.team.any_asks(wish.asked, number):
                self.team.add_up(state.sums)
                if self.team.leads:
                    state.save(self.run)
                self.team.wait()
                raise Interrupted

    def step(self, part: torch.Tensor, whole: int) -> None:
        """One update of the weights, from this process' part of a batch of ``whole`` images."""
        team = self.team
        distortion, rate = self.step_module(part, team.noise(self.state.noise, whole))
        self.state.optimiser.zero_grad()
        self.fabric.backward(team.mean(distortion + rate, whole))
        self.state.optimiser.step()
        with torch.no_grad():
            own = [team.counted(term, whole) for term in (distortion, rate)]
            self.state.sums += torch.stack([term.sum() for term in own])
            self.own_images += len(own[0])

    def losses_so_far(self) -> dict[str, float]:
        return self.weight.losses(*self.state.losses(self.own_images))

    def close_epoch(self) -> None:
        """Validation, best weights, the epoch's line, checkpoint."""
        state, position = self.state, self.state.position
        self.team.add_up(state.sums)
        self.own_images = position.images
        metrics = self.epoch_metrics() if self.team.leads else {"train_loss_nats": 0.0}
        holds_out = bool(len(self.images.splits["valid"]))
        loss = self.team.agree(metrics.get("valid_loss_nats", metrics["train_loss_nats"]))
        if not math.isfinite(loss):
            raise ReparamError(
                f"the loss is {loss} after epoch {position.epoch + 1}; the last good weights are "
                f"in {self.run.path}: train again with a smaller --learning-rate"
            )
        position.epoch, position.batch, position.images = position.epoch + 1, 0, 0
        state.sums.zero_()
        self.own_images = 0
        if loss < position.best_loss or not holds_out:  # without validation the last weights count
            position.best_loss, position.best_epoch = loss, position.epoch
            if self.team.leads:
                self.run.save_model(state.model, epoch=position.epoch)
        patience = self.config.training.early_stop
        if patience is not None and position.epoch - position.best_epoch >= patience:
            position.finished = True
        if self.team.leads:
            self.run.add_metrics(metrics)
            state.save(self.run)
            self.emit(EpochDone(metrics))

    def epoch_metrics(self) -> dict[str, Any]:
        state, position = self.state, self.state.position
        number = (position.epoch + 1) * self.steps_per_epoch
        metrics: dict[str, Any] = {
            "epoch": position.epoch + 1,
            "step": number,
            "learning_rate": learning_rate_at(
                self.config.training, number - 1, self.steps_per_epoch
            ),
            "seconds": position.seconds,
        }
        metrics |= {f"train_{name}": value for name, value in self.losses_so_far().items()}
        if len(self.images.splits["valid"]):
            losses = self.mean_losses(state.model, "valid")
            metrics |= {f"valid_{name}": value for name, value in losses.items()}
        return metrics

    def mean_losses(self, model: Autoencoder, split: Split) -> dict[str, float]:
        images, config = self.images, self.config
        index = images.splits[split]
        return mean_losses(model, images.images, config.objective, config.seed, index)

    def finish(self) -> None:
        """Saves the best weights with the prior fitted where it needs it, and what they come to."""
        position = self.state.position
        model = self.run.load_model().to(self.fabric.device)
        if model.prior.needs_fit:
            pixels, index = self.images.images, self.images.splits["train"]
            model.prior.fit(in_batches(model, pixels, lambda b: model.encode(from_bytes(b)), index))
        self.run.save_model(model, epoch=position.best_epoch)
        result: dict[str, Any] = {
            "epochs": position.epoch,
            "best_epoch": position.best_epoch,
            "seconds": position.seconds,
            "images_per_second": position.epoch * self.train_count / max(position.seconds, 1e-9),
            "device": str(self.fabric.device),
            "precision": self.precision,
            "processes": self.team.size,
        }
        for split in SPLITS:
            if count := len(self.images.splits[split]):
                result[split] = {"images": count, **self.mean_losses(model, split)}
        self.run.write_json("result.json", result)
