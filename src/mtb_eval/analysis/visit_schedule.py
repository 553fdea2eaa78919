"""Time in care, and the visits that the schedule holds in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.received import birthday
from mtb_eval.data.families import Study
from mtb_eval.study import VisitRule

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """MTB families' time in care, in days from birth: `start`, `end` (n,), NaN where a date is missing.

    `bounds` (n, P + 1): the days at which the P periods begin and end; the first begins at recruitment. `slower` (n,):
    the day from which visits are less often. `family_id` (n,).
    """

    family_id: NDArray[np.str_]
    start: Array
    end: Array
    bounds: Array
    slower: Array

    def days_between(self, first: int, last: int) -> Array:
        """Return the days in care (n,) from the begin of period `first` to the begin of period `last`."""
        low = np.maximum(self.start, self.bounds[:, first])
        return np.asarray(np.clip(np.minimum(self.end, self.bounds[:, last]) - low, 0.0, None))


def care_of(study: Study, rule: VisitRule) -> Care:
    """Return the time in care of MTB families, in the order of the families table.

    From recruitment until the family left, at most until the end of the last period. Families of a study without
    leaving dates are in care to its end.
    """
    mtb = study.families[study.families["mtb"] == 1]
    born = mtb["born_on"]
    start = _days(mtb["recruited_on"], born)
    ages = np.column_stack([_days(birthday(born, m), born) for m in rule.period_months])
    end = ages[:, -1]
    if "left_on" in mtb:
        left = _days(mtb["left_on"], born)
        end = np.where(np.isnan(left), end, np.minimum(left, end))
    return Care(
        family_id=mtb["family_id"].to_numpy(dtype=str),
        start=start,
        end=end,
        bounds=np.column_stack([np.minimum(start, ages[:, 0]), ages]),
        slower=_days(birthday(born, rule.later_from_months), born),
    )


def expected_between(care: Care, first: int, last: int, rule: VisitRule) -> Array:
    """Return the visits (n,) that the schedule holds while in care, from the begin of one period to that of another.

    Days until the child is old enough for fewer visits over the days between two visits, and the rest likewise.
    """
    low = np.maximum(care.start, care.bounds[:, first])
    high = np.minimum(care.end, care.bounds[:, last])
    often = np.clip(np.minimum(high, care.slower) - low, 0.0, None)
    seldom = np.clip(high - np.maximum(low, care.slower), 0.0, None)
    return np.asarray(often / rule.days_between_first + seldom / rule.days_between_later)


def _days(dates: pd.Series, born: pd.Series) -> Array:
    return np.asarray((dates - born).dt.days, dtype=np.float64)
