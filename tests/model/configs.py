"""Configurations of models in one line."""

from typing import Any

from reparam.model import ModelConfig
from reparam.runs import resolve

ARTICLE = ModelConfig()


def configured(config: ModelConfig = ARTICLE, **options: Any) -> ModelConfig:
    """``config`` with options as flags have them: encoder_filters, or batch_norm for both halves.

    Any: options have every type.
    """
    return resolve(config, [("test", options)])
