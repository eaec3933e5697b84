"""The judge: a small network that sees images by class and by features, for the scorecard."""

from reparam.evaluation.judge.judge import Judge, judge_for, kept_judge
from reparam.evaluation.judge.network import FEATURES

__all__ = ["FEATURES", "Judge", "judge_for", "kept_judge"]
