"""The training loop: one for every model."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from reparam.data import ImageSet
from reparam.errors import DiskFullError, NotFiniteError
from reparam.model import Autoencoder, own_settings
from reparam.objective import Verdict, mean_losses
from reparam.runs import Epoch, Metrics, Run, RunConfig, remove_leftovers, writing
from reparam.training.arithmetic import agreed_arithmetic
from reparam.training.assembling import assemble_one
from reparam.training.backoff import back_off
from reparam.training.determinism import deterministic_algorithms
from reparam.training.diagnostics import before_training, new_warnings, warned
from reparam.training.events import Ended, EpochDone, Event, Listener, Started, StepDone
from reparam.training.feed import open_feed
from reparam.training.interrupt import Interrupted, StopRequest, stop_on_signal
from reparam.training.memory import kept_memory
from reparam.training.optimiser import learning_rate_at
from reparam.training.result import write_result
from reparam.training.saving import Saver
from reparam.training.start import gradients_of, new_state, pixel_variance_of
from reparam.training.state import epoch_order
from reparam.training.step import Plan
from reparam.training.team import Team, lost, lost_error
from reparam.types import IndexArray

DEAD_OF = 100
"""Training images that tell dead latent dimensions, where none is held out."""


def train(
    run: Run, images: ImageSet, listeners: Sequence[Listener] = (), team: Team | None = None
) -> Autoencoder:
    """Trains ``run`` to its planned end, from its checkpoint where it has one.

    ``listeners`` are called with what happens, such as the end of an epoch. ``team``: the processes
    that train together, where there are several; all of them call this.

    Returns the best model with the prior that it was trained with, in evaluation mode on the CPU.
    Raises Interrupted after Ctrl-C, when the checkpoint is written, NotFiniteError when a loss is
    NaN or infinite, RunError for other images than those that the run was made with, and when
    another process writes the run, LostError when one of the team is gone, and DiskFullError, with
    the last checkpoint as it was.
    """
    if team is None:
        team = assemble_one(run.config.training)
    run.check_images(images)
    wanted = run.config.training.deterministic
    try:
        team.launch()
        with (
            writing(run.path) if team.leads else nullcontext(),
            own_settings(),
            deterministic_algorithms(wanted),
        ):
            return _Training(run, images, listeners, team).go()
    except Interrupted:  # all of the team stop by themselves, at one step
        raise
    except BaseException as error:
        team.end()
        if team.size > 1 and isinstance(error, RuntimeError) and lost(error):
            raise lost_error(team) from error
        if isinstance(error, DiskFullError):
            raise DiskFullError(f"{error}, then {run.resume_hint()}") from error
        raise


class _Training:
    """One session of training: what is fixed while ``State`` changes."""

    def __init__(
        self, run: Run, images: ImageSet, listeners: Sequence[Listener], team: Team
    ) -> None:
        self.run, self.images, self.team = run, images, team
        self.listeners = listeners if team.leads else ()
        self.config: RunConfig = run.config
        self.fabric = team.fabric
        device = self.fabric.device
        self.train_count = len(images.splits["train"])
        shown = self.train_count * self.config.training.epochs
        self.arithmetic = agreed_arithmetic(run, shown, team)
        self.feed = open_feed(images, images.splits["train"], device)
        self.steps_per_epoch = math.ceil(self.train_count / self.config.training.global_batch)
        self.pixel_variance = pixel_variance_of(images)
        self.begins = not run.checkpoint.exists()
        self.state = new_state(
            self.config,
            images,
            self.feed,
            device,
            self.arithmetic,
            self.pixel_variance,
            self.begins,
            self.emit,
        )
        self.saver = Saver(run, self.state)
        self.gradients = gradients_of(self.state, self.config, images, team, self.arithmetic)
        # On a GPU a look at the losses waits for it: there only at the end of an epoch. Processes
        # that train together must find out together: likewise.
        self.looks_each_step = device.type == "cpu" and team.size == 1
        self.own_images = 0
        """Images in ``state.sums``, which the team adds up at the epoch's end."""
        self.epochs: list[Epoch] = []
        """The finished epochs, in the first process."""

    def emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def go(self) -> Autoencoder:
        state, epochs = self.state, self.config.training.epochs
        if self.begins:
            self.run.check_untrained()
        else:
            state.restore(self.run)
        self.team.wait()  # before the first process writes what the others look for
        if self.team.leads:
            # Not in the exports, which have no lock: somebody may be writing there.
            remove_leftovers(self.run.path, self.run.checkpoint.parent, self.run.samples)
            self.run.keep_metrics(state.position.epoch)
            if state.position.epoch < epochs and not state.position.finished:
                self.run.forget_result()
            self.epochs = self.run.metrics()
            self.saver.begin()
            if self.begins:
                self.saver.save()  # from here on a run without a checkpoint has lost it
        self.take_up_sums()
        with self._session(), kept_memory(), stop_on_signal() as request:
            while state.position.epoch < epochs and not state.position.finished:
                try:
                    self.train_epoch(request)
                    self.close_epoch()
                except NotFiniteError as error:
                    self.go_back(error)
        if self.team.leads:
            write_result(self.run, self.images, state, self.team, self.arithmetic, self.emit)
        self.team.wait()
        return self.run.load_model(own_prior=True)

    def take_up_sums(self) -> None:
        """The first process continues the sums of the epoch so far; the others begin at zero."""
        if self.team.leads:
            self.own_images = self.state.position.images
        else:
            self.own_images = 0
            self.state.sums.zero()

    def go_back(self, error: NotFiniteError) -> None:
        """To the last checkpoint, all processes alike, or to the end of the run."""
        if self.team.leads:
            self.saver.save_best()
        event = back_off(self.state, self.run, self.config.training.on_nan, error)
        self.team.wait()  # all have read the checkpoint before it is written anew
        if self.team.leads:
            self.saver.save()
        self.take_up_sums()
        self.emit(event)

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
                precision=self.arithmetic.precision,
                kernels=self.arithmetic.kernels,
                seconds=position.seconds,
                losses=self.state.model.likelihood.loss_unit,
            )
        )
        if not position.epoch and not position.batch:
            for warning in warned(0, before_training(self.config, self.images)):
                self.emit(warning)
        try:
            yield
        finally:
            self.emit(Ended())

    def learning_rate(self, step: int) -> float:
        """The learning rate of step number ``step`` (from 0)."""
        planned = learning_rate_at(self.config.training, step, self.steps_per_epoch)
        return planned * self.state.position.rate_factor

    def plan(self, step: int) -> Plan:
        """What step number ``step`` (from 0) is like."""
        training = self.config.training
        done = step / (training.epochs * self.steps_per_epoch)
        return Plan.at(training, self.state.loss, done)

    def check_losses(self) -> None:
        """Raises NotFiniteError when a loss of the epoch so far is NaN or infinite."""
        position = self.state.position
        number = position.epoch * self.steps_per_epoch + position.batch
        self.team.least(self.state.sums.good)
        self.state.sums.check(position.epoch + 1, position.batch, self.learning_rate(number - 1))

    def train_epoch(self, request: StopRequest) -> None:
        """The batches of one epoch that are not done yet."""
        state, config = self.state, self.config.training
        position = state.position
        order = epoch_order(self.config.seed, position.epoch, self.train_count)
        left = order.split(config.global_batch)[position.batch :]
        parts = [self.team.part(indices) for indices in left]
        state.loss.train()
        self.team.draw_apart(self.config.seed, position.epoch, position.batch)
        state.sums.begin(position.batch)
        began, spent = time.perf_counter(), position.seconds
        for indices, batch in zip(left, self.feed.batches(parts), strict=True):
            number = position.epoch * self.steps_per_epoch + position.batch
            state.optimiser.set_step(number, self.learning_rate(number))
            self.gradients(batch, len(indices), self.plan(number))
            state.optimiser.clip(config.clip, config.clip_spikes)
            state.optimiser.step()
            state.average.update(number)
            self.own_images += self.team.count(len(indices))
            position.batch += 1
            position.images += len(indices)
            position.seconds = spent + time.perf_counter() - began
            if self.looks_each_step:
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
            if self.team.any_requested(request.stop_requested, number):
                self.team.add_up(state.sums.values)
                self.check_losses()
                if self.team.leads:
                    self.saver.save()
                self.team.wait()
                raise Interrupted

    def losses_so_far(self) -> dict[str, float]:
        means = self.state.loss.objective.reported(self.state.sums.means(self.own_images))
        return self.state.model.likelihood.losses(means)

    def close_epoch(self) -> None:
        """Validation, the epoch's line and, where one is due, the checkpoint."""
        state, position = self.state, self.state.position
        self.team.add_up(state.sums.values)
        self.own_images = position.images
        self.check_losses()
        state.check()  # before anything is written
        with state.average.in_place():
            metrics, verdict = self.judge_epoch()
        position.finished = self.is_early_end()
        if metrics is not None:
            self.record(metrics, verdict)

    def is_early_end(self) -> bool:
        """Whether the loss has not improved for as many epochs as --early-stop says, each with
        every extra term: before a late one begins, nobody knows what the run will come to.
        """
        position, patience = self.state.position, self.config.training.early_stop
        if self.state.loss.judges:  # its guard may need epochs, and none is compared by the loss
            return False
        if patience is None or position.epoch - position.best_epoch < patience:
            return False
        last_step = (position.epoch - patience + 1) * self.steps_per_epoch - 1
        return not self.plan(last_step).waiting

    def judge_epoch(self) -> tuple[Epoch | None, Verdict]:
        """Validation of the weights that are in place, and whether they are the best so far.

        Returns the epoch's line, in the first process, and what the extra terms say of it.
        """
        state, position = self.state, self.state.position
        metrics = self.epoch_metrics() if self.team.leads else None
        weight = self.config.objective.weight_of_rate()
        loss = self.team.agree(metrics.compared_loss(weight) if metrics else 0.0)
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"the validation loss is {loss} after epoch {position.epoch + 1}; likely: a "
                "learning rate that is too high"
            )
        verdict = self.verdict(metrics)
        comparable = self.config.model.likelihood.losses_comparable and verdict.compares
        comparable = comparable and bool(len(self.images.splits["valid"]))
        position.epoch, position.batch, position.images = position.epoch + 1, 0, 0
        state.sums.zero()
        self.own_images = 0
        # Where losses do not compare, the last weights count.
        if verdict.may_be_best and (loss < position.best_loss or not comparable):
            state.mark_best(loss)
        return metrics, verdict

    def verdict(self, metrics: Epoch | None) -> Verdict:
        """What the extra terms say of the epoch that has just ended, in every process."""
        loss, end = self.state.loss, (self.state.position.epoch + 1) * self.steps_per_epoch
        # While the rate warms up, the error may be lower than it can stay.
        if not loss.judges or self.plan(end).rate_weight < 1:
            return Verdict()
        mse = self.team.agree(metrics.held_out["mse"] if metrics else 0.0)
        return loss.after_epoch(mse, self.plan(end - 1).waiting)

    def record(self, metrics: Epoch, verdict: Verdict) -> None:
        """A finished epoch's line and checkpoint, and what the listeners hear of it."""
        config = self.config
        found = new_warnings(
            self.epochs,
            metrics,
            config,
            self.pixel_variance,
            self.state.model.latent_dim,
            verdict.warnings,
        )
        # What was said when training began is the first epoch's.
        early = {} if self.epochs else before_training(config, self.images)
        metrics = replace(metrics, warnings=early | found)
        self.run.add_metrics(metrics)
        self.saver.save_if_due()
        self.epochs.append(metrics)
        self.emit(EpochDone(metrics))
        for warning in warned(metrics.epoch, found):
            self.emit(warning)

    def epoch_metrics(self) -> Epoch:
        state, position = self.state, self.state.position
        number = (position.epoch + 1) * self.steps_per_epoch
        weight = state.model.likelihood.weight
        train, valid = self.losses_so_far(), {}
        held_out = self.images.splits["valid"]
        if len(held_out):
            valid = self.mean_losses(held_out)
        elif (
            self.config.objective.has_rate
            and 2 * (position.epoch + 1) >= self.config.training.epochs
        ):
            # Which dimensions are dead the mean rates of many images say, and no step's terms.
            some = self.mean_losses(self.images.splits["train"][:DEAD_OF])
            train |= {"dead_units": some["dead_units"]} if "dead_units" in some else {}
        return Epoch(
            epoch=position.epoch + 1,
            step=number,
            learning_rate=self.learning_rate(number - 1),
            backoffs=position.backoffs,
            seconds=position.seconds,
            weight=weight.units() if weight else {},
            train=train,
            valid=valid,
        )

    def mean_losses(self, index: IndexArray) -> Metrics:
        """Of the weights that are in place, on these images, in the arithmetic of the steps: in
        float32 they take a twentieth of all time.
        """
        images, loss, seed = self.images, self.state.loss, self.config.seed
        computed = self.arithmetic.of(loss)
        return mean_losses(loss, images.images, images.labels, index, seed, computed)
