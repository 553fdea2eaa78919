"""The synthetic study: drawn from the plan and a truth, written in the formats that real studies arrive in."""

from mtb_eval.data.synthetic.folder import TRUTH, SyntheticError, filled_at_once, refuse_other_files
from mtb_eval.data.synthetic.memory import study_from_raw
from mtb_eval.data.synthetic.rescore import rescored
from mtb_eval.data.synthetic.simulate import RawStudy, simulate_study
from mtb_eval.data.synthetic.truth import (
    ByArm,
    Care,
    Implied,
    ScaleTruth,
    Truth,
    Variances,
    load_truth,
    null_truth,
    resized,
    save_truth,
    start_truth,
    without_attrition,
)
from mtb_eval.data.synthetic.write import write_study

__all__ = [
    "TRUTH",
    "ByArm",
    "Care",
    "Implied",
    "RawStudy",
    "ScaleTruth",
    "SyntheticError",
    "Truth",
    "Variances",
    "filled_at_once",
    "load_truth",
    "null_truth",
    "refuse_other_files",
    "rescored",
    "resized",
    "save_truth",
    "simulate_study",
    "start_truth",
    "study_from_raw",
    "without_attrition",
    "write_study",
]
