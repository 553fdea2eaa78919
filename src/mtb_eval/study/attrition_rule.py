"""What is declared for the attrition analyses: imputation, response weights, tolerable bias, tipping points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AttritionRule:
    """Settings of the attrition analyses; priors are SD in standard units (outcome and predictors in SD).

    Imputation: `imputations` data sets after `iterations` passes, all randomness from `seed`. Prior SD of a slope
    (`slope_sd`), of the slope of the same measure at an earlier wave (`own_slope_sd`), of the levels of
    municipalities and calendar time (`level_sd`), and of how much the two arms differ in them (`..._tie_sd`);
    `donors` near families from whom a matched value is drawn.
    Response weights: prior SD of log-odds a SD (`response_sd`), weights cut at the `trim` and 1 - `trim` quantiles.
    What Works Clearinghouse: `alpha_cautious`, `alpha_optimistic` (correlation of response with the outcome in
    the two arms) and `tolerable_bias` in SD. Tipping points: shifts from -`shift_to` to `shift_to` SD by `shift_step`.
    """

    imputations: int
    iterations: int
    seed: int
    slope_sd: float
    slope_tie_sd: float
    own_slope_sd: float
    own_slope_tie_sd: float
    level_sd: float
    level_tie_sd: float
    donors: int
    response_sd: float
    trim: float
    alpha_cautious: tuple[float, float]
    alpha_optimistic: tuple[float, float]
    tolerable_bias: float
    shift_to: float
    shift_step: float
    status: Literal["confirmed", "inferred", "assumed"]
    source: str
