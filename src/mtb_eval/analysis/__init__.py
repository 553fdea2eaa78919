"""Questions -> rows: the evaluation's analyses, each as rows of the effect table or a named table."""

from mtb_eval.analysis.effects import effects
from mtb_eval.analysis.evaluate import evaluate
from mtb_eval.analysis.fit import fit
from mtb_eval.analysis.results import Results

__all__ = ["Results", "effects", "evaluate", "fit"]
