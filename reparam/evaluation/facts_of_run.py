"""What a run folder holds: what `reparam info` shows."""

from dataclasses import asdict, dataclass

from reparam.errors import RunError
from reparam.model import (
    Autoencoder,
    LayerRow,
    Likelihood,
    Weight,
    layer_table,
    memory_of_step,
    parameter_counts,
)
from reparam.runs import Epoch, Result, Run, RunConfig, to_mapping

UNITS = ("r_loss_factor", "sigma", "beta")
"""Of the weight."""


@dataclass(frozen=True)
class WeightFacts:
    """The weight of the squared error against the rate, and a line on how it came about.

    ``found`` is None for a likelihood without a weight, and before training has begun to find it.
    ``moves``: training moves the weight, so that epochs compare by their losses in nats alone.
    """

    found: Weight | None
    description: str
    moves: bool


@dataclass(frozen=True)
class RunWarning:
    """Something that looked wrong for the first time at ``epoch``."""

    epoch: int
    kind: str
    message: str


@dataclass(frozen=True)
class RunFacts:
    """Configuration, layers, weight, metrics and result of a run, finished or not."""

    path: str
    config: RunConfig
    image_shape: tuple[int, int, int]
    """Height, width, channels."""
    class_names: tuple[str, ...]
    layers: tuple[LayerRow, ...]
    parameters: dict[str, int]
    """Trainable parameters of each half."""
    receptive_field: int | None
    """Pixels along a side that one position of the encoder's features sees; None: all."""
    memory: int
    """Bytes that a training step holds, as far as they can be told from the model."""
    prior: str
    """What samples are drawn from."""
    weight: WeightFacts
    warnings: tuple[RunWarning, ...]
    finished: bool
    """Whether training went to its planned end, or stopped early as planned."""
    best_epoch: int | None
    """The epoch whose weights are kept; None where there are none that can be read."""
    metrics: tuple[Epoch, ...]
    """The finished epochs."""
    result: Result | None
    """None before the end."""
    command: str
    created: str
    versions: dict[str, str]

    @property
    def epochs_planned(self) -> int:
        return self.config.training.epochs

    @property
    def epochs_done(self) -> int:
        return len(self.metrics)

    def to_mapping(self) -> dict[str, object]:
        """JSON values: what `reparam info --json` prints."""
        weight = self.weight.found
        return {
            "kind": "run",
            "path": self.path,
            "model": self.config.preset,
            "image_shape": list(self.image_shape),
            "class_names": list(self.class_names),
            "config": to_mapping(self.config),
            "layers": [{**asdict(row), "shape": list(row.shape)} for row in self.layers],
            "parameters": self.parameters,
            "receptive_field": self.receptive_field,
            "memory": self.memory,
            "prior": self.prior,
            "weight": {
                **(weight.units() if weight else dict.fromkeys(UNITS)),
                "in_words": self.weight.description,
                "moves": self.weight.moves,
            },
            "warnings": [asdict(warning) for warning in self.warnings],
            "epochs_planned": self.epochs_planned,
            "epochs_done": self.epochs_done,
            "finished": self.finished,
            "best_epoch": self.best_epoch,
            "metrics": [epoch.to_mapping() for epoch in self.metrics],
            "result": None if self.result is None else self.result.to_mapping(),
            "command": self.command,
            "created": self.created,
            "versions": self.versions,
        }


def run_facts(run: Run) -> RunFacts:
    """What the run's files say. Needs no images. Reads the weights where a prior was fitted, and of
    an unfinished run.
    """
    config, model = run.config, run.build_model()
    metrics, result = run.metrics(), run.result()
    return RunFacts(
        path=str(run.path),
        config=config,
        image_shape=run.facts.image_shape,
        class_names=run.facts.class_names,
        layers=tuple(layer_table(model)),
        parameters=parameter_counts(model),
        receptive_field=model.encoder.receptive_field,
        memory=memory_of_step(model, config.training.batch_size),
        prior=_prior(run, model),
        weight=_weight(config, model.likelihood, metrics, result),
        warnings=tuple(
            RunWarning(epoch.epoch, kind, message)
            for epoch in metrics
            for kind, message in epoch.warnings.items()
        ),
        finished=run.is_finished,
        best_epoch=result.best_epoch if result else _kept_epoch(run),
        metrics=tuple(metrics),
        result=result,
        command=run.facts.command,
        created=run.facts.created,
        versions=run.facts.versions,
    )


def _prior(run: Run, model: Autoencoder) -> str:
    """What samples are drawn from, also where the weights or the fitted prior cannot be read."""
    if not run.prior_file.exists():
        return model.prior.describe()
    try:
        return run.load_model().prior.describe()
    except RunError as error:
        return f"a fitted prior that cannot be used ({error})"


def _weight(
    config: RunConfig, likelihood: Likelihood, metrics: list[Epoch], result: Result | None
) -> WeightFacts:
    options, dimensions = config.model.likelihood, likelihood.dimensions
    description = options.describe(dimensions)
    if not likelihood.adapts:
        return WeightFacts(options.weight_for(dimensions), description, moves=False)
    units = result.weight if result else metrics[-1].weight if metrics else {}
    if not units:
        return WeightFacts(None, description, moves=True)
    found = Weight(units["r_loss_factor"], dimensions)
    return WeightFacts(found, f"{description}: {found}", moves=True)


def _kept_epoch(run: Run) -> int | None:
    """Of the weights of an unfinished run. Metrics do not say it: a term may have a verdict too."""
    try:
        return run.weights_epoch()
    except RunError:  # who uses the weights is told
        return None
