"""The judge: a small network that looks at images as the scorecard does, by classes and features."""

from reparam.evaluation.judge.judge import Judge, judge_for
from reparam.evaluation.judge.network import FEATURES

__all__ = ["FEATURES", "Judge", "judge_for"]
