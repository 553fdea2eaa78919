"""Files to families: read, check, clean and score a study's files as its plan declares them."""

from mtb_eval.data.families import Study
from mtb_eval.data.load import check_study, load_study
from mtb_eval.data.problems import PROBLEM_COLUMNS, DataError
from mtb_eval.data.raw import RawTable, UserMissing
from mtb_eval.data.read import READERS, read_table
from mtb_eval.data.score import score

__all__ = [
    "PROBLEM_COLUMNS",
    "READERS",
    "DataError",
    "RawTable",
    "Study",
    "UserMissing",
    "check_study",
    "load_study",
    "read_table",
    "score",
]
