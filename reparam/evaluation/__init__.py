"""A trained model and held-out images → arrays and numbers.

The names of the scorecard and of anomaly detection are imported when they are first used: they need
SciPy and scikit-learn, whose import takes as long as PyTorch's.
"""

from typing import TYPE_CHECKING

from reparam.evaluation.binarising import binarised
from reparam.evaluation.denoising import add_noise
from reparam.evaluation.facts_of_data import DataFacts, PixelFacts, SplitFacts, data_facts
from reparam.evaluation.facts_of_run import RunFacts, RunWarning, WeightFacts, run_facts
from reparam.evaluation.inference import (
    FloatImages,
    as_bytes,
    as_floats,
    check_images,
    check_latents,
    check_steps,
    class_probabilities,
    decode,
    decode_bytes,
    decoded_batches,
    encode,
    even_labels,
    moments_of,
    noise_to_latents,
    prior_log_prob,
    reconstruct,
    refined,
    sample_latents,
)
from reparam.evaluation.judge import Judge, judge_for, kept_judge
from reparam.evaluation.latents import LatentFacts, latent_facts
from reparam.evaluation.likelihood import importance_weighted
from reparam.evaluation.nearest import Nearest, nearest_images
from reparam.evaluation.per_image import Scores, evaluation_loss, scores_of
from reparam.evaluation.quality import Estimate, Quality, image_quality
from reparam.evaluation.reconstructing import Reconstructed, reconstruct_images
from reparam.evaluation.rows import Rows, labels_or_none, rows_to_pixels
from reparam.late import late_names

if TYPE_CHECKING:
    from reparam.evaluation.anomaly import ALL as ALL_DEFECTS
    from reparam.evaluation.anomaly import (
        ANOMALY_SCORES,
        USUAL_FALSE_ALARMS,
        AnomalyConfig,
        AnomalyScore,
        Calibration,
        Detected,
        Detection,
        Detector,
        Good,
        GoodPictures,
        HeatScale,
        LabelledPictures,
        Pictures,
        Scored,
        Seen,
        calibrate,
        check_rate,
        conformal_p_values,
        count_seen,
        detection,
        good_pictures,
        heat_overlay,
        heat_scale,
        image_auroc,
        kept_detector,
        load_detector,
        other_good_pictures,
        pictures_needed,
        plant,
        read_labelled,
        save_calibration,
        score_images,
    )
    from reparam.evaluation.anomaly import GOOD as GOOD_FOLDER
    from reparam.evaluation.anomaly import KINDS as DEFECT_KINDS
    from reparam.evaluation.measures.measured import Measured
    from reparam.evaluation.scoring.against import (
        Difference,
        check_same_images,
        check_same_judge,
        differences,
    )
    from reparam.evaluation.scoring.catalogue import MEASURES, TOPICS, Entry, Topic
    from reparam.evaluation.scoring.claims import CLAIMS, Claim
    from reparam.evaluation.scoring.config import ScoreConfig
    from reparam.evaluation.scoring.deciding import Decision, Interval, Word, in_words
    from reparam.evaluation.scoring.groups import (
        Group,
        Trend,
        along_axis,
        ends,
        improvement,
        number_of,
        tally,
        trends,
    )
    from reparam.evaluation.scoring.needs import reason_in
    from reparam.evaluation.scoring.of_run import (
        CheckedScorecard,
        check_can_score,
        check_features,
        check_scorecard,
        current_scorecard,
        score_run,
    )
    from reparam.evaluation.scoring.score import ScoreProgress, scorecard
    from reparam.evaluation.scoring.scorecard import (
        PriorScores,
        Scorecard,
        scorecard_from_mapping,
    )
    from reparam.evaluation.scoring.subject import check_scorable
    from reparam.evaluation.scoring.verdicts import Verdict, claim_gains, claim_pair, verdicts
    from reparam.evaluation.scoring.words import (
        figure_text,
        ideal_text,
        interval_text,
        measured_text,
        p_text,
        p_values_text,
        pairing_text,
        value_text,
    )

__all__ = [
    "ALL_DEFECTS",
    "ANOMALY_SCORES",
    "CLAIMS",
    "DEFECT_KINDS",
    "GOOD_FOLDER",
    "MEASURES",
    "TOPICS",
    "USUAL_FALSE_ALARMS",
    "AnomalyConfig",
    "AnomalyScore",
    "Calibration",
    "CheckedScorecard",
    "Claim",
    "DataFacts",
    "Decision",
    "Detected",
    "Detection",
    "Detector",
    "Difference",
    "Entry",
    "Estimate",
    "FloatImages",
    "Good",
    "GoodPictures",
    "Group",
    "HeatScale",
    "Interval",
    "Judge",
    "LabelledPictures",
    "LatentFacts",
    "Measured",
    "Nearest",
    "Pictures",
    "PixelFacts",
    "PriorScores",
    "Quality",
    "Reconstructed",
    "Rows",
    "RunFacts",
    "RunWarning",
    "ScoreConfig",
    "ScoreProgress",
    "Scorecard",
    "Scored",
    "Scores",
    "Seen",
    "SplitFacts",
    "Topic",
    "Trend",
    "Verdict",
    "WeightFacts",
    "Word",
    "add_noise",
    "along_axis",
    "as_bytes",
    "as_floats",
    "binarised",
    "calibrate",
    "check_can_score",
    "check_features",
    "check_images",
    "check_latents",
    "check_rate",
    "check_same_images",
    "check_same_judge",
    "check_scorable",
    "check_scorecard",
    "check_steps",
    "claim_gains",
    "claim_pair",
    "class_probabilities",
    "conformal_p_values",
    "count_seen",
    "current_scorecard",
    "data_facts",
    "decode",
    "decode_bytes",
    "decoded_batches",
    "detection",
    "differences",
    "encode",
    "ends",
    "evaluation_loss",
    "even_labels",
    "figure_text",
    "good_pictures",
    "heat_overlay",
    "heat_scale",
    "ideal_text",
    "image_auroc",
    "image_quality",
    "importance_weighted",
    "improvement",
    "in_words",
    "interval_text",
    "judge_for",
    "kept_detector",
    "kept_judge",
    "labels_or_none",
    "latent_facts",
    "load_detector",
    "measured_text",
    "moments_of",
    "nearest_images",
    "noise_to_latents",
    "number_of",
    "other_good_pictures",
    "p_text",
    "p_values_text",
    "pairing_text",
    "pictures_needed",
    "plant",
    "prior_log_prob",
    "read_labelled",
    "reason_in",
    "reconstruct",
    "reconstruct_images",
    "refined",
    "rows_to_pixels",
    "run_facts",
    "sample_latents",
    "save_calibration",
    "score_images",
    "score_run",
    "scorecard",
    "scorecard_from_mapping",
    "scores_of",
    "tally",
    "trends",
    "value_text",
    "verdicts",
]

__getattr__ = late_names(__name__)
