"""Dose at the declared number of visits: what was published, and six ways to see what it can mean.

Visits happen after recruitment and nobody drew lots for them: a family that was placed, moved or left cannot reach the
threshold, and families that stay may be better off anyway. All tables describe; none says what visits do. There is no
instrument for "at least so many visits": what makes MTB available also gives low doses, so that any effect of a low
dose would break the exclusion that an instrument needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtb_eval.analysis.dose_contrasts import contrast_rows, dose_bins, dose_outcomes, dose_rows, replicated
from mtb_eval.analysis.dose_curve import curve
from mtb_eval.analysis.dose_data import dose_data
from mtb_eval.analysis.dose_landmark import landmark
from mtb_eval.analysis.dose_placebo import placebo
from mtb_eval.analysis.dose_principal import principal
from mtb_eval.analysis.dose_profile import profile
from mtb_eval.analysis.dose_reading import readings
from mtb_eval.data.families import Study
from mtb_eval.study import Outcome, Plan

__all__ = ["DoseTables", "contrast_rows", "dose", "dose_bins", "dose_outcomes", "dose_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseTables:
    """Every table on dose. Estimates are raw and standardised (positive favours MTB or the higher dose).

    Shared columns: outcome, family, wave, analysis, contrast ("high v usual care", "low v usual care", "high v low"),
    method, estimate, se, df, ci_low, ci_high, p, standardised, std_low, std_high, n_high, n_low (MTB families with
    the outcome), n_mtb, n_control, n_clusters, warning, error. What cannot be computed is a row that says why.

    dose_contrasts: the published comparison, CR2 and WCR31 (p, interval; no df); e_value, e_value_limit of the
        estimate and of the limit nearer to 0.
    dose_placebo: the contrasts on pre-birth measures (column, label_en, label_da; standardised without sign) by
        sample ("all families", "families with an outcome"), CR2; p_joint over all n_measures of a contrast and sample
        (WCR31).
    dose_landmark: the contrasts by visits until the landmark among families still in care, CR2 and WCR31 (p); and
        "one visit a month more" in MTB, CR2; n_gone_mtb, n_gone_control families left out.
    dose_principal: principal-score weights, jackknife over municipalities with the score fitted again (Satterthwaite
        t) and CR2 with the score taken as known; n_effective usual-care families after weighting (Kish).
    dose_departures: the same effects (jackknife) if would-be high and low differ: departure "ratio" of means or
        "difference" in SD (positive: would-be high better off), value.
    dose_balance: outcome, contrast, covariate (column, kind "share" or "mean"), n and mean of the dose
        and of usual care, smd_before and smd_after weighting usual care.
    dose_bounds: lower, upper (raw), std_lower, std_upper of the effect on the high without any assumption on who is
        alike, usual care trimmed to `share`; ci_low, ci_high, std_low, std_high Imbens-Manski.
    dose_profile: every cut (cut) and contrast: CR2 cut by cut; band_low, band_high, std_band_low, std_band_high hold
        at all cuts at once (max-t, WCR11); kept: the likelihood keeps the cut; declared: the plan's threshold.
    dose_thresholds: one row per outcome: n_cuts, best_cut, cut_low, cut_high (outermost kept), n_kept, declared_kept,
        ratio_at_declared (n log RSS ratio), p_any_high, p_any_low, p_any_difference (contrast 0 at every cut; sup-t,
        WCR11), critical values of the bands.
    dose_curve: restricted cubic spline in visits among MTB against usual care at visits (5 to 95 % of families), CR2.
    dose_curve_tests: test ("the course is a line", "no association with visits"), statistic, df_numerator,
        df_denominator, p; CR2 with HTZ.
    dose_bends: one-bend line among MTB families: psi, psi_low, psi_high (profile likelihood, independent families),
        open_low, open_high (not bounded on that side), disjoint, slope below, change at the bend, rss, rss_line.
    dose_readings: one row per outcome, the numbers that matter from the other tables and reading ("differs",
        "differs, as before birth", "no difference shown", "not estimable").
    """

    dose_contrasts: pd.DataFrame
    dose_placebo: pd.DataFrame
    dose_landmark: pd.DataFrame
    dose_principal: pd.DataFrame
    dose_departures: pd.DataFrame
    dose_balance: pd.DataFrame
    dose_bounds: pd.DataFrame
    dose_profile: pd.DataFrame
    dose_thresholds: pd.DataFrame
    dose_curve: pd.DataFrame
    dose_curve_tests: pd.DataFrame
    dose_bends: pd.DataFrame
    dose_readings: pd.DataFrame


def dose(
    study: Study, plan: Plan, *, outcomes: list[Outcome] | None = None, rng: np.random.Generator | None = None
) -> DoseTables:
    """Return all tables on dose for `outcomes`, by default those of the plan's dose families at the last wave.

    A plan without a dose gives empty tables. `rng` is needed with more than 12 municipalities, where not every draw
    of signs can be taken; without it those cells say so.
    """
    chosen = [] if plan.dose is None else dose_outcomes(plan) if outcomes is None else outcomes
    doses = [dose_data(study, plan, o, plan.dose) for o in chosen if plan.dose]
    scores, courses = principal(doses, plan.dose_detail), curve(doses, plan.dose_detail)
    cuts, thresholds = profile(doses, plan.dose, plan.dose_detail, rng=rng)
    tables = {
        "dose_contrasts": replicated(doses),
        "dose_placebo": placebo(study, plan, chosen, rng=rng),
        "dose_landmark": landmark(study, plan, chosen),
        "dose_principal": scores.effects,
        "dose_departures": scores.departures,
        "dose_balance": scores.balance,
        "dose_bounds": scores.bounds,
        "dose_profile": cuts,
        "dose_thresholds": thresholds,
        "dose_curve": courses.curve,
        "dose_curve_tests": courses.tests,
        "dose_bends": courses.bends,
    }
    return DoseTables(**tables, dose_readings=readings(tables, significant=plan.verdicts.significant))
