"""The training loop: one for every model."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from reparam.data import ImageSet
from reparam.errors import DiscFullError, NotFiniteError
from reparam.model import Autoencoder, from_bytes, in_batches, use_native
from reparam.objective import ObjectiveConfig, Weight, elbo_terms
from reparam.training.backoff import back_off
from reparam.training.config import RunConfig
from reparam.training.determinism import deterministic_algorithms, what_held
from reparam.training.device import choose_kernels, launch
from reparam.training.events import Ended, EpochDone, Event, Listener, Started, StepDone
from reparam.training.files import remove_leftovers
from reparam.training.finite import FiniteWatch
from reparam.training.interrupt import Interrupted, StopWish, stop_on_signal
from reparam.training.lock import writing
from reparam.training.memory import kept_memory
from reparam.training.metrics import add_metrics, keep_metrics
from reparam.training.optimiser import build_optimiser, learning_rate_at
from reparam.training.run import Run, build_model
from reparam.training.state import State, epoch_order
from reparam.training.validation import mean_losses


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
    the checkpoint is written, NotFiniteError when a loss is no longer a number, RunError when
    another process writes the run, and DiscFullError, with the last checkpoint as it was.
    """
    try:
        wanted = run.config().training.deterministic
        with writing(run.path), deterministic_algorithms(wanted):
            return _Training(run, images, listeners).go()
    except DiscFullError as error:
        raise DiscFullError(f"{error}, then {run.way_on()}") from error


class _Training:
    """One session of training: what is fixed while ``State`` changes."""

    def __init__(self, run: Run, images: ImageSet, listeners: Sequence[Listener]) -> None:
        self.run, self.images, self.listeners = run, images, listeners
        self.config: RunConfig = run.config()
        self.fabric, self.precision = launch(self.config.training)
        device = self.fabric.device.type
        self.kernels = choose_kernels(self.config.training, device, self.precision)
        self.pixels = torch.from_numpy(images.split_images("train")).to(self.fabric.device)
        self.state = self._new_state()
        module = Objective(self.state.model, self.config.objective)
        self.step_module = self.fabric.setup_module(module, move_to_device=False)
        size = self.config.training.batch_size
        self.steps_per_epoch = math.ceil(len(self.pixels) / size)
        self.watch = FiniteWatch(self.state.sums)
        # On a GPU a look at the losses waits for it: there only at the end of an epoch. Processes
        # that train together must find out together: likewise.
        self.looks_each_step = self.fabric.device.type == "cpu" and self.fabric.world_size == 1
        dimensions = math.prod(images.image_shape)
        self.weight = Weight(self.config.objective.r_loss_factor, dimensions)

    def _new_state(self) -> State:
        torch.manual_seed(self.config.seed)
        training = self.config.training
        model = build_model(self.config, self.images.image_shape)
        if self.kernels == "native":
            use_native(model)
        device = self.fabric.device
        # Channels-last is the layout that convolutions are fastest in, on CPUs and on GPUs.
        model = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        sums_type = torch.float32 if device.type == "mps" else torch.float64
        return State(
            model=model,
            optimiser=build_optimiser(model, training.learning_rate, training.optimiser),
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
        elif self.config.training.on_nan == "backoff":
            state.save(self.run)  # the initial weights, to go back to
        keep_metrics(self.run.metrics_file, state.position.epoch)
        if state.position.epoch < epochs and not state.position.finished:
            self.run.forget_result()
        with self._session(), kept_memory(), stop_on_signal() as wish:
            while state.position.epoch < epochs and not state.position.finished:
                try:
                    self.train_epoch(wish)
                    self.close_epoch()
                except NotFiniteError as error:
                    on_nan = self.config.training.on_nan
                    self.emit(back_off(state, self.run, on_nan, error))
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
                images=len(self.pixels),
                device=str(self.fabric.device),
                precision=self.precision,
                kernels=self.kernels,
                seconds=position.seconds,
            )
        )
        try:
            yield
        finally:
            self.emit(Ended())

    def learning_rate(self, step: int) -> float:
        """The learning rate of step number ``step`` (from 0)."""
        planned = learning_rate_at(self.config.training, step, self.steps_per_epoch)
        return planned * self.state.position.rate_factor

    def check_losses(self) -> None:
        """Raises NotFiniteError when a loss of the epoch so far is no number."""
        position = self.state.position
        number = position.epoch * self.steps_per_epoch + position.batch
        self.watch.check(position.epoch + 1, position.batch, self.learning_rate(number - 1))

    def train_epoch(self, wish: StopWish) -> None:
        """The batches of one epoch that are not done yet."""
        state, config = self.state, self.config.training
        position = state.position
        order = epoch_order(self.config.seed, position.epoch, len(self.pixels))
        batches = order.to(self.pixels.device).split(config.batch_size)
        state.model.train()
        self.watch.begin(position.batch)
        began, spent = time.perf_counter(), position.seconds
        for indices in batches[position.batch :]:
            number = position.epoch * self.steps_per_epoch + position.batch
            state.optimiser.set_step(number, self.learning_rate(number))
            self.step(self.pixels[indices])
            position.batch += 1
            position.images += len(indices)
            position.seconds = spent + time.perf_counter() - began
            if self.looks_each_step or wish.asked:
                self.check_losses()
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
            self.watch.note()

    def losses_so_far(self) -> dict[str, float]:
        return self.weight.losses(*self.state.losses(self.state.position.images))

    def close_epoch(self) -> None:
        """Validation, best weights, the epoch's line, checkpoint."""
        state, position = self.state, self.state.position
        self.check_losses()
        state.check()  # before anything is written
        metrics = self.epoch_metrics()
        loss = metrics.get("valid_loss_nats", metrics["train_loss_nats"])
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"the validation loss is {loss} after epoch {position.epoch + 1}; likely: a "
                "learning rate that is too high"
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
        add_metrics(self.run.metrics_file, metrics)
        state.save(self.run)
        self.emit(EpochDone(metrics))

    def epoch_metrics(self) -> dict[str, Any]:
        state, position = self.state, self.state.position
        number = (position.epoch + 1) * self.steps_per_epoch
        metrics: dict[str, Any] = {
            "epoch": position.epoch + 1,
            "step": number,
            "learning_rate": self.learning_rate(number - 1),
            "backoffs": position.backoffs,
            "seconds": position.seconds,
        }
        metrics |= {f"train_{name}": value for name, value in self.losses_so_far().items()}
        held_out = self.images.split_images("valid")
        if len(held_out):
            losses = mean_losses(state.model, held_out, self.config.objective, self.config.seed)
            metrics |= {f"valid_{name}": value for name, value in losses.items()}
        return metrics

    def finish(self) -> Autoencoder:
        """The best weights, with the prior fitted where it needs it, and what they come to."""
        position = self.state.position
        model = self.run.load_model().to(self.fabric.device)
        if model.prior.needs_fit:
            model.prior.fit(in_batches(model, self.pixels, lambda b: model.encode(from_bytes(b))))
        self.run.save_model(model, epoch=position.best_epoch)
        result: dict[str, Any] = {
            "epochs": position.epoch,
            "best_epoch": position.best_epoch,
            "backoffs": position.backoffs,
            "seconds": position.seconds,
            "images_per_second": position.epoch * len(self.pixels) / max(position.seconds, 1e-9),
            "device": str(self.fabric.device),
            "precision": self.precision,
            "kernels": self.kernels,
            **what_held(
                self.config.training.deterministic, self.fabric.device.type, self.fabric.world_size
            ),
        }
        for split in ("train", "valid", "test"):
            if len(pixels := self.images.split_images(split)):
                losses = mean_losses(model, pixels, self.config.objective, self.config.seed)
                result[split] = {"images": len(pixels), **losses}
        self.run.write_json("result.json", result)
        return model.cpu().eval()
