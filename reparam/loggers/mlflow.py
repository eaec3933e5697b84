"""MLflow: a file store in mlflow/ in the run folder, or the store that the user has set."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reparam.loggers.base import LOGGERS, LoggedRun, Logger, LoggerOptions

TAG = "reparam.id"
"""Of an MLflow run: the id of the run that it is of."""

BATCH = 100
"""Parameters that MLflow takes at once."""

LONGEST = 6000
"""Characters of a parameter's value that it takes."""


@LOGGERS.register("mlflow")
@dataclass(frozen=True)
class MlflowOptions(LoggerOptions):
    """MLflow, in mlflow/ in the run folder, or where MLFLOW_TRACKING_URI says."""

    package = "mlflow"
    extra = "mlflow"

    experiment: str = "reparam"
    """The MLflow experiment."""

    def build(self, run: LoggedRun) -> Logger:
        return _Mlflow(run, self.experiment)


class _Mlflow(Logger):
    def __init__(self, run: LoggedRun, experiment: str) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when it is imported
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            # MLflow 3 wants to be asked for its file store, the only one without more packages.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            uri = run.folder.resolve().as_uri()
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self.metric = Metric
        self.client = MlflowClient(uri)
        known = self.client.get_experiment_by_name(experiment)
        place = known.experiment_id if known else self.client.create_experiment(experiment)
        found = self.client.search_runs([place], filter_string=f"tags.`{TAG}` = '{run.id}'")
        if found:
            self.id = found[0].info.run_id
            self.client.update_run(self.id, status="RUNNING")
        else:
            made = self.client.create_run(place, run_name=run.name, tags={TAG: run.id})
            self.id = made.info.run_id
        # A parameter cannot change: a resumed run's are those with which it began.
        there = found[0].data.params if found else {}
        params = [
            Param(name, str(value)[:LONGEST])
            for name, value in run.options.items()
            if name not in there
        ]
        for start in range(0, len(params), BATCH):
            self.client.log_batch(self.id, params=params[start : start + BATCH])
        # Steps behind the last checkpoint of a killed session come again, and are there.
        history = self.client.get_metric_history(self.id, "epoch") if found else []
        self.logged = max((metric.step for metric in history), default=0)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        if step <= self.logged:
            return
        now = int(time.time() * 1000)
        metrics = [self.metric(name, value, now, step) for name, value in values.items()]
        self.client.log_batch(self.id, metrics=metrics)

    def picture(self, file: Path, step: int) -> None:
        self.client.log_artifact(self.id, str(file), "samples")

    def close(self) -> None:
        self.client.set_terminated(self.id)
