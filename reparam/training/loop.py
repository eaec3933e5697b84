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
from reparam.objective import ObjectiveConfig, Weight, elbo_terms
from reparam.training.config import RunConfig
from reparam.training.device import launch
from reparam.training.events import Ended, EpochDone, Event, Listener, Started, StepDone
from reparam.training.feed import open_feed
from reparam.training.interrupt import Interrupted, StopWish, stop_on_signal
from reparam.training.optimiser import build_optimiser, learning_rate_at, set_step
from reparam.training.run import Run, build_model
from reparam.training.state import State, epoch_order
from reparam.training.validation import mean_losses
from reparam.training.weights import remove_leftovers


class Objective(nn.Module):
    """Bytes of a batch (B, H, W, C) → distortion and rate, each (B,): what Fabric wraps."""

    def __init__(self, model: Autoencoder, config: ObjectiveConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config

    def forward(
        self, pixels: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        terms = elbo_terms(self.model, from_bytes(pixels), self.config, generator)
        return terms.distortion, terms.rate


def train(run: Run, images: ImageSet, listeners: Sequence[Listener] = ()) -> Autoencoder:
    """Trains ``run`` to its planned end, from its checkpoint where it has one.

    Returns the best model, in evaluation mode on the CPU. Raises Interrupted after Ctrl-C, when
    the checkpoint is written, and ReparamError when the loss is no longer a number.
    """
    return _Training(run, images, listeners).go()


class _Training:
    """One session of training: what is fixed while ``State`` changes."""

    def __init__(self, run: Run, images: ImageSet, listeners: Sequence[Listener]) -> None:
        self.run, self.images, self.listeners = run, images, listeners
        self.config: RunConfig = run.config()
        self.fabric, self.precision = launch(self.config.training)
        self.feed = open_feed(images.images, images.splits["train"], self.fabric.device)
        self.train_count = len(images.splits["train"])
        self.state = self._new_state()
        module = Objective(self.state.model, self.config.objective)
        self.step_module = self.fabric.setup_module(module, move_to_device=False)
        size = self.config.training.batch_size
        self.steps_per_epoch = math.ceil(self.train_count / size)
        dimensions = math.prod(images.image_shape)
        self.weight = Weight(self.config.objective.r_loss_factor, dimensions)

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
        remove_leftovers(self.run.path)
        if self.run.checkpoint.exists():
            state.restore(self.run)
        self.run.keep_metrics(state.position.epoch)
        if state.position.epoch < epochs and not state.position.finished:
            self.run.forget_result()
        with self._session(), stop_on_signal() as wish:
            while state.position.epoch < epochs and not state.position.finished:
                self.train_epoch(wish)
                self.close_epoch()
        return self.finish()

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
                device=str(self.fabric.device),
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
        left = order.split(config.batch_size)[position.batch :]
        state.model.train()
        began, spent = time.perf_counter(), position.seconds
        for indices, pixels in zip(left, self.feed.batches(left), strict=True):
            number = position.epoch * self.steps_per_epoch + position.batch
            rate = learning_rate_at(config, number, self.steps_per_epoch)
            set_step(state.optimiser, number, rate)
            self.step(pixels)
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
            if wish.asked:
                state.save(self.run)
                raise Interrupted

    def step(self, batch: torch.Tensor) -> None:
        """One update of the weights."""
        distortion, rate = self.step_module(batch, self.state.noise)
        self.state.optimiser.zero_grad()
        self.fabric.backward((distortion + rate).mean())
        self.state.optimiser.step()
        with torch.no_grad():
            self.state.sums += torch.stack([distortion.sum(), rate.sum()])

    def losses_so_far(self) -> dict[str, float]:
        return self.weight.losses(*self.state.losses(self.state.position.images))

    def close_epoch(self) -> None:
        """Validation, best weights, the epoch's line, checkpoint."""
        state, position = self.state, self.state.position
        metrics = self.epoch_metrics()
        loss = metrics.get("valid_loss_nats", metrics["train_loss_nats"])
        if not math.isfinite(loss):
            raise ReparamError(
                f"the loss is {loss} after epoch {position.epoch + 1}; the last good weights are "
                f"in {self.run.path}: train again with a smaller --learning-rate"
            )
        position.epoch, position.batch, position.images = position.epoch + 1, 0, 0
        state.sums.zero_()
        holds_out = "valid_loss_nats" in metrics
        if loss < position.best_loss or not holds_out:  # without validation the last weights count
            position.best_loss, position.best_epoch = loss, position.epoch
            self.run.save_model(state.model, epoch=position.epoch)
        patience = self.config.training.early_stop
        if patience is not None and position.epoch - position.best_epoch >= patience:
            position.finished = True
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

    def finish(self) -> Autoencoder:
        """The best weights, with the prior fitted where it needs it, and what they come to."""
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
        }
        for split in SPLITS:
            if count := len(self.images.splits[split]):
                result[split] = {"images": count, **self.mean_losses(model, split)}
        self.run.write_json("result.json", result)
        return model.cpu().eval()
