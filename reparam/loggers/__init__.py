"""Trackers of experiments, beside the run folder: TensorBoard, W&B, MLflow, and plug-ins'."""

from reparam.loggers.base import LOGGERS, LoggedRun, Logger, LoggerOptions
from reparam.loggers.mlflow import MlflowOptions
from reparam.loggers.tensorboard import TensorBoardOptions
from reparam.loggers.wandb import WandbOptions

__all__ = [
    "LOGGERS",
    "LoggedRun",
    "Logger",
    "LoggerOptions",
    "MlflowOptions",
    "TensorBoardOptions",
    "WandbOptions",
]
