"""A trained model and held-out images → arrays and numbers."""

from reparam.evaluation.binarising import binarised
from reparam.evaluation.denoising import add_noise
from reparam.evaluation.inference import (
    as_bytes,
    as_floats,
    carry_noise,
    check_images,
    check_latents,
    decode,
    encode,
    posterior_parameters,
    prior_log_prob,
    reconstruct,
    sample_latents,
)
from reparam.evaluation.judge import Judge, judge_for
from reparam.evaluation.likelihood import importance_weighted
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.quality import Estimate, Quality, image_quality
from reparam.evaluation.scoring.catalogue import MEASURES, TOPICS
from reparam.evaluation.scoring.config import ScoreConfig
from reparam.evaluation.scoring.deciding import Interval, in_words
from reparam.evaluation.scoring.groups import Group, Trend, along_axis, tally, trends
from reparam.evaluation.scoring.of_run import (
    current_scorecard,
    read_scorecard,
    score_run,
    stands,
)
from reparam.evaluation.scoring.score import scorecard
from reparam.evaluation.scoring.scorecard import PriorScores, Scorecard
from reparam.evaluation.scoring.verdicts import Verdict, verdicts

__all__ = [
    "MEASURES",
    "TOPICS",
    "Estimate",
    "Group",
    "Interval",
    "Judge",
    "Measured",
    "PriorScores",
    "Quality",
    "ScoreConfig",
    "Scorecard",
    "Trend",
    "Verdict",
    "add_noise",
    "along_axis",
    "as_bytes",
    "as_floats",
    "binarised",
    "carry_noise",
    "check_images",
    "check_latents",
    "current_scorecard",
    "decode",
    "encode",
    "image_quality",
    "importance_weighted",
    "in_words",
    "judge_for",
    "posterior_parameters",
    "prior_log_prob",
    "read_scorecard",
    "reconstruct",
    "sample_latents",
    "score_run",
    "scorecard",
    "stands",
    "tally",
    "trends",
    "verdicts",
]
