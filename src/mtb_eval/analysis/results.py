"""What the analyses hand to the report: named tables, unrounded, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Every table of the evaluation; the report formats them and computes nothing.

    effects: the effect table (analysis/effect_table.py) of every outcome x estimand x estimator. Estimands:
        "care received" (estimators replica, primary, sensitivity), "change 12-24 m, MTB", "change 12-24 m, usual care",
        "difference in change", "dose: high v usual care", "dose: low v usual care", "dose: high v low".
        estimate, se and interval are on the raw scale of the outcome (MTB minus usual care); `standardised` is the
        estimate in standard deviations, signed so that positive favours MTB.
    outcomes: one row per outcome of the plan, plan order: outcome, family, wave, kind, better, sample, population
        ("" = all), n_mtb, n_control, n_clusters, mean_mtb, mean_control, sd (pooled within arms); then for
        prefix in (replica, primary): _estimate, _std, _std_low, _std_high (standardised, positive favours MTB),
        _p, _df, _method, _verdict ("significant", "tendency", "no-difference", "not estimable"), _direction ("better",
        "worse", "none"); wild_p, wild_std_low, wild_std_high (WCR31, same model as primary); p_holm, p_bh (primary,
        within family); mde (smallest standardised effect found with 80 % power at the primary se and df);
        partial_leverage_max, effective_clusters, loo_std_low, loo_std_high (leave-one-municipality-out range of the
        primary estimate, standardised), flag ("" or one sentence).
    flow: participant flow; columns step, wave, arm ("mtb", "control", "all"), level ("municipalities", "families"),
        reason ("" or why lost), n. Steps in order: randomised, added, recruited, answered, lost, video.
    training: one row per municipality: municipality, training_wave, randomised (bool), n_mtb, n_control,
        n_control_before (recruited before training), n_control_after (no free place), first_recruited, last_recruited.
    baseline: column, label_en, label_da, kind ("share" or "mean"), n_mtb, mean_mtb, sd_mtb, n_control,
        mean_control, sd_control, smd (standardised mean difference, MTB minus usual care).
    response: sample ("questionnaire", "video"), wave, months, arm, n, of, share.
    visits: measure, statistic, value, n (mean, sd, median visits; share retained, share at the threshold, ...).
    visit_counts: low, high, n: families by visits in tens (high exclusive).
    retention: months, n, share: MTB families still in the programme at each month of the child's age (-3..24).
    dose_bins: outcome, low, high (visits, high exclusive; controls low = high = NaN), n, mean (raw), std (against the
        control mean, positive favours MTB), std_low, std_high.
    usual_care: measure, value, n, of.
    change: column (rated scale), arm ("mtb", "control"), n, mean_from, mean_to, estimate, se, df,
        ci_low, ci_high, p, std.
    trajectories: column, wave, months, arm, n, mean, ci_low, ci_high (t interval, description only).
    placements: measure, method, estimate, ci_low, ci_high, p, n_mtb_events, n_mtb, n_control_events,
        n_control, warning.
    placement_times: arm, months, at_risk, events, cumulative, ci_low, ci_high: Kaplan-Meier steps.
    claims: one row per claim of the plan: id, kind, topic, statement_en, statement_da, published_en,
        published_da, found_en, found_da, value (number found or NaN),
        result ("agrees", "differs", "cannot be tested"), why_en, why_da.
    failures: outcome, estimator, error: models that failed (also visible in `effects`).
    detail: further tables by name, one for each field of the tables objects that the analyses give (DesignTables,
        AttritionTables, ...), which say what the columns are.
    """

    effects: pd.DataFrame
    outcomes: pd.DataFrame
    flow: pd.DataFrame
    training: pd.DataFrame
    baseline: pd.DataFrame
    response: pd.DataFrame
    visits: pd.DataFrame
    visit_counts: pd.DataFrame
    retention: pd.DataFrame
    dose_bins: pd.DataFrame
    usual_care: pd.DataFrame
    change: pd.DataFrame
    trajectories: pd.DataFrame
    placements: pd.DataFrame
    placement_times: pd.DataFrame
    claims: pd.DataFrame
    failures: pd.DataFrame
    detail: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def named(self) -> dict[str, pd.DataFrame]:
        """Return every table by name, those of `detail` last."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "detail"}
        return {**own, **self.detail}
