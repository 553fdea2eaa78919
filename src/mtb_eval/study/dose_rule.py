"""What is declared for the analyses of dose beyond the threshold, and for summaries of the visit log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRule:
    """The schedule offered, the periods in which visits are counted, and the classes of participation.

    One visit every `days_between_first` days from recruitment until the child is `later_from_months` old, then one
    every `days_between_later` days. `period_months`: rising ages of the child that end the periods; the first period
    begins at recruitment (0 ends the pregnancy). Participation is low below `standard_from` visits, high from
    `high_from`.
    """

    days_between_first: int
    days_between_later: int
    later_from_months: int
    period_months: tuple[int, ...]
    standard_from: int
    high_from: int
    status: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseDetail:
    """Settings of landmark, curve and principal scores.

    `landmark_visits`: visits by the landmark from which a family counts as high. `knots` of the curve, in visits.
    `ratios` and `differences` are how a would-be high family's mean under usual care is supposed to relate to that of
    a would-be low family with the same covariates: as a ratio, and in standard deviations of the outcome.
    `score_sd`: prior SD of the principal score's log-odds a SD of a covariate. `fewest`: families needed on both sides
    of a cut of the profile.
    """

    landmark_visits: int
    knots: tuple[float, ...]
    ratios: tuple[float, ...]
    differences: tuple[float, ...]
    score_sd: float
    fewest: int
    status: str
    source: str
