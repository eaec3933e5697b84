"""A sweep whose values Optuna chooses: one run for each trial, stopped early where it is bad."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reparam.cli.existing import check_place, open_or_create_run, trained
from reparam.cli.grid import Point
from reparam.cli.search_space import Axis
from reparam.cli.tables import new_table, print_table
from reparam.data import ImageSet
from reparam.errors import ConfigError, NotFiniteError, RunError, ShapeError
from reparam.printable import note, say
from reparam.runs import Run, RunConfig, check_writable, write_atomically, write_mapping, writing
from reparam.training import EpochDone, Event, Listener

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

STUDY = "reparam"


@dataclass(frozen=True)
class Search:
    """What is searched, where, and by which figure."""

    axes: Sequence[Axis]
    trials: int
    out: Path
    prune: bool
    maximise: bool
    figure: str
    """What the values are, in words."""
    identity: str
    """Of what the values depend on: a study continues only with the same."""
    point: Callable[[Sequence[str]], Point]
    """The run for these words behind those that all trials share."""
    images: Callable[[RunConfig], ImageSet]
    measure: Callable[[Run, ImageSet], float]
    quiet: bool
    again: str

    def run(self) -> None:
        """Trials up to their planned number, each of them trained and measured; then the table,
        OUT/search.json and OUT/search.svg. Raises RunError where OUT has another search's study.
        """
        study = self._study()
        for left in self._unfinished(study):
            self._try(study, left)
        while len(study.trials) < self.trials:
            study.sampler = self._sampler(len(study.trials))
            self._try(study, study.ask())
        self._show(study.trials)

    def _study(self) -> "Study":
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        check_writable(self.out / "study.jsonl", fix="choose another --out")
        self.out.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(self.out / "study.jsonl")))
        pruner = optuna.pruners.MedianPruner(n_startup_trials=5)
        study = optuna.create_study(
            study_name=STUDY,
            storage=storage,
            pruner=pruner if self.prune else optuna.pruners.NopPruner(),
            direction="maximize" if self.maximise else "minimize",
            load_if_exists=True,
        )
        found = study.user_attrs.get("identity", self.identity)
        if found != self.identity:
            raise RunError(
                f"{self.out}: holds another search, got other options than {found}. Fix: choose "
                "another --out"
            )
        study.set_user_attr("identity", self.identity)
        return study

    def _sampler(self, number: int) -> Any:
        """By the trial's number alone, so that a search that was stopped continues with the values
        that it would have had.
        """
        from optuna.samplers import TPESampler

        return TPESampler(seed=int(np.random.SeedSequence((0, number)).generate_state(1)[0]))

    def _unfinished(self, study: "Study") -> "list[Trial]":
        """Trials in which an earlier process was stopped."""
        from optuna.trial import Trial

        return [
            Trial(study, trial._trial_id) for trial in study.trials if not trial.state.is_finished()
        ]

    def _try(self, study: "Study", trial: "Trial") -> None:
        from optuna import TrialPruned
        from optuna.trial import TrialState

        # Of a trial that an earlier process began: the same values again.
        study.sampler = self._sampler(trial.number)
        words = [word for axis in self.axes for word in (axis.flag, axis.ask(trial))]
        if not self.quiet:
            note(f"[{trial.number + 1} of {self.trials}] {' '.join(words)}")
        if (same := _same(study, trial)) is not None:  # it would be trained to the same numbers
            note(f"trial {trial.number} has the values of trial {same.number}, and its result")
            complete = same.state.name == "COMPLETE"
            study.tell(trial, same.values if complete else None, state=same.state)
            return
        try:
            study.tell(trial, self._value(trial, self.point(words)))
        except TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        except (ConfigError, ShapeError, NotFiniteError) as error:
            note(f"trial {trial.number} failed: {error}")
            study.tell(trial, state=TrialState.FAIL)

    def _value(self, trial: "Trial", point: Point) -> float:
        images = self.images(point.config)
        path = self.out / f"trial-{trial.number:04d}"
        check_place(path, point.config)
        with writing(path):
            run = open_or_create_run(path, point.config, images, command=point.command)
            listeners = [pruning_listener(trial, run)] if self.prune else []
            trained(run, images, quiet=self.quiet, again=self.again, listeners=listeners)
        return self.measure(run, images)

    def _show(self, trials: "Sequence[FrozenTrial]") -> None:
        rows = [_row(trial) for trial in trials]
        values = [row["value"] for row in rows if row["value"] is not None]
        best = (max if self.maximise else min)(values, default=None)
        table = new_table()
        for title in ("trial", *(a.flag.removeprefix("--") for a in self.axes), self.figure, ""):
            table.add_column(title, justify="left" if title == "" else "right")
        for row in rows:
            value = "–" if row["value"] is None else f"{row['value']:.6g}"
            word = "best" if row["value"] is not None and row["value"] == best else row["state"]
            options = (row["options"].get(a.flag.removeprefix("--"), "–") for a in self.axes)
            shown = (f"{o:.4g}" if isinstance(o, float) else str(o) for o in options)
            table.add_row(str(row["trial"]), *shown, value, word)
        print_table(
            table, f"search: {self.figure}, {'higher' if self.maximise else 'lower'} is better"
        )
        from reparam.report import search_picture  # needs the extra

        write_mapping(self.out / "search.json", {"figure": self.figure, "trials": rows})
        svg = search_picture([row["value"] for row in rows], self.figure, maximise=self.maximise)
        write_atomically(self.out / "search.svg", svg)
        say(self.out / "search.svg")


def _same(study: "Study", trial: "Trial") -> "FrozenTrial | None":
    """An earlier trial with the same values that was trained as far as it should be."""
    ended = [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]
    return next((t for t in ended if t.params == trial.params), None)


def _row(trial: "FrozenTrial") -> dict[str, Any]:
    finished = trial.state.name == "COMPLETE"
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "options": trial.params,
        "value": trial.value if finished else None,
        "epochs": len(trial.intermediate_values),
    }


def pruning_listener(trial: "Trial", run: Run) -> Listener:
    """Reports each epoch's loss, the lowest so far, and raises TrialPruned where that is worse than
    the median of other trials after as many epochs.
    """
    from optuna import TrialPruned

    weight = run.config.objective.weight_of_rate()
    lowest = min((epoch.compared_loss(weight) for epoch in run.metrics()), default=np.inf)

    def listen(event: Event) -> None:
        nonlocal lowest
        if isinstance(event, EpochDone):
            lowest = min(lowest, event.metrics.compared_loss(weight))
            trial.report(lowest, event.metrics.epoch)
            if trial.should_prune():
                raise TrialPruned

    return listen


def best_loss(run: Run, images: ImageSet) -> float:
    """The validation loss of the weights that are kept, in nats: that by which they were chosen."""
    result = run.finished("a trial's loss is that of a finished run")
    weight = run.config.objective.weight_of_rate()
    return run.metrics()[result.best_epoch - 1].compared_loss(weight)
