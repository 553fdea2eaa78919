"""Kaplan-Meier, restricted means, log-rank, Cox and Aalen-Johansen against R, other programs and by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

from mtb_eval.inference.competing import cumulative_incidence
from mtb_eval.inference.cox import cox_log_ratio
from mtb_eval.inference.survival import (
    clustered_variance,
    kaplan_meier,
    log_rank,
    log_rank_scores,
    restricted_mean,
    restricted_mean_difference,
    restricted_mean_influence,
)

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "made_survival.json").read_text())
MADE = {k: np.array([row[k] for row in R["made"]["rows"]]) for k in ("time", "cause", "arm", "stratum", "cluster")}
EVENT = (MADE["cause"] == 1).astype(float)


def toy() -> dict[str, np.ndarray]:
    with (REFERENCE / "mtbtoy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = {k: np.array([float(r[k]) for r in rows]) for k in ("time", "placed", "treat")}
    return {**numbers, "muni": np.array([r["muni"] for r in rows])}


TOY = toy()


def close(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-14)


def test_curve_as_r_and_statsmodels():
    curve = kaplan_meier(MADE["time"], EVENT)
    other = SurvfuncRight(MADE["time"], EVENT)
    close(curve.times, R["made"]["curve"]["time"])
    close(curve.at_risk, R["made"]["curve"]["at_risk"])
    close(curve.survival, R["made"]["curve"]["survival"])
    close(curve.survival, other.surv_prob[other.n_events > 0])


@pytest.mark.parametrize(("arm", "name"), [(0, "area_control"), (1, "area_mtb")])
def test_restricted_means_of_the_toy_study_as_r(arm: int, name: str):
    here = TOY["treat"] == arm
    found = restricted_mean(TOY["time"][here], TOY["placed"][here], until=24)
    close([found.estimate, found.se], R["toy"][name])
    published = {0: (23.4036, 0.4775), 1: (23.7382, 0.1757)}[arm]
    assert (round(float(found.estimate), 4), round(float(found.se), 4)) == published


def test_restricted_mean_with_ties_and_censoring_as_r_and_by_integration():
    found = restricted_mean(MADE["time"], EVENT, until=20)
    close([found.estimate, found.se], R["made"]["area"])
    other = SurvfuncRight(MADE["time"], EVENT)
    grid = np.arange(0, 20, 1e-4) + 5e-5
    survival = np.append(1.0, other.surv_prob)[np.searchsorted(other.surv_times, grid, side="right")]
    assert found.estimate == pytest.approx(survival.mean() * 20, abs=1e-4)


def test_restricted_mean_difference_adds_variances():
    found = restricted_mean_difference(TOY["time"], TOY["placed"], TOY["treat"], until=24)
    (a, sa), (b, sb) = R["toy"]["area_mtb"], R["toy"]["area_control"]
    close([found.estimate, found.se], [a - b, np.hypot(sa, sb)])


def test_influence_is_the_derivative_by_weight():
    """Weights of whole numbers are repeated rows; the derivative is taken at 1000 copies of everyone."""
    copies = 1000
    influence = restricted_mean_influence(MADE["time"], EVENT, 20)
    base = restricted_mean(np.repeat(MADE["time"], copies), np.repeat(EVENT, copies), until=20).estimate
    for i in range(0, len(EVENT), 13):
        weight = np.full(len(EVENT), copies)
        weight[i] += 1
        moved = restricted_mean(np.repeat(MADE["time"], weight), np.repeat(EVENT, weight), until=20).estimate
        assert (moved - base) * copies == pytest.approx(influence[i], abs=2e-3)
    assert abs(influence.sum()) < 1e-12


def test_without_censoring_influence_gives_the_variance_of_a_mean():
    time = default_rng(3).exponential(10, 80)
    capped = np.minimum(time, 12.0)
    found = restricted_mean(time, np.ones(80), until=12)
    close(found.estimate, capped.mean())
    close(found.se, capped.std() / np.sqrt(80))
    close(restricted_mean_influence(time, np.ones(80), 12), (capped - capped.mean()) / 80, rtol=1e-9)


def test_clusters_of_one_family_give_back_greenwood_up_to_the_factor():
    n = len(TOY["time"])
    alone = restricted_mean_difference(TOY["time"], TOY["placed"], TOY["treat"], until=24, cluster=np.arange(n))
    plain = restricted_mean_difference(TOY["time"], TOY["placed"], TOY["treat"], until=24)
    close(alone.se, plain.se * np.sqrt(n / (n - 1)), rtol=1e-6)
    by_place = restricted_mean_difference(TOY["time"], TOY["placed"], TOY["treat"], until=24, cluster=TOY["muni"])
    assert by_place.df == 9
    variance, df = clustered_variance(np.array([1.0, 2.0, -3.0]), ["a", "a", "b"])
    assert (variance, df) == (36.0, 1.0)


@pytest.mark.parametrize("case", ["toy", "made", "stratified"])
def test_log_rank_as_r(case: str):
    if case == "toy":
        found, expected = log_rank(TOY["time"], TOY["placed"], TOY["treat"]), R["toy"]["log_rank"]
    else:
        stratum = MADE["stratum"] if case == "stratified" else None
        found = log_rank(MADE["time"], EVENT, MADE["arm"], stratum)
        expected = R["made"]["stratified" if stratum is not None else "log_rank"]
    close([found.observed, found.expected], [expected["observed"][1], expected["expected"][1]])
    close([found.variance, found.z**2], [expected["variance"], expected["chisq"]], rtol=1e-10)


def test_log_rank_as_statsmodels_and_scores_add_up():
    chi2, p = survdiff(MADE["time"], EVENT, MADE["arm"])
    found = log_rank(MADE["time"], EVENT, MADE["arm"])
    close([found.z**2, found.p], [chi2, p], rtol=1e-9)
    for stratum in (None, MADE["stratum"]):
        scores = log_rank_scores(MADE["time"], EVENT, stratum)
        one = log_rank(MADE["time"], EVENT, MADE["arm"], stratum)
        assert scores @ MADE["arm"] == pytest.approx(one.observed - one.expected, abs=1e-12)
        assert abs(scores.sum()) < 1e-12


def test_log_rank_has_its_size_under_equal_hazards():
    rng, rejected, n = default_rng(5), 0, 600
    for _ in range(n):
        time = rng.exponential(20, 120)
        rejected += log_rank(np.minimum(time, 24), time < 24, rng.permutation(np.repeat([0, 1], 60))).p < 0.05
    assert abs(rejected / n - 0.05) < 3 * np.sqrt(0.05 * 0.95 / n)


def test_cox_as_r_and_cluster_errors_by_score_residuals():
    found = cox_log_ratio(TOY["time"], TOY["placed"], TOY["treat"], TOY["muni"])
    close([found.estimate, found.se], [R["toy"]["cox"]["coef"], R["toy"]["cox"]["robust_se"]], rtol=1e-6)
    assert round(float(found.estimate), 7) == -0.6436368
    assert round(float(found.se), 6) == 1.144409
    tied = cox_log_ratio(MADE["time"], EVENT, MADE["arm"], MADE["cluster"])
    close(tied.estimate, R["made"]["cox"]["coef"], rtol=1e-6)


def test_cox_without_events_in_an_arm_says_so():
    with pytest.raises(ValueError, match="an arm has no event"):
        cox_log_ratio([1, 2, 3, 4], [1, 1, 0, 0], [1, 1, 0, 0], [1, 2, 1, 2])


def test_incidence_as_r():
    found = cumulative_incidence(MADE["time"], MADE["cause"], n_causes=2)
    expected = R["made"]["incidence"]
    close(found.times, expected["time"])
    close(found.at_risk, expected["at_risk"])
    close(found.cumulative, expected["cumulative"])
    close(found.se, expected["se"], rtol=1e-9)


def test_incidence_as_statsmodels_and_kaplan_meier():
    found = cumulative_incidence(MADE["time"], MADE["cause"], n_causes=2)
    other = CumIncidenceRight(MADE["time"], MADE["cause"].astype(int))
    at = np.searchsorted(other.times, found.times)
    close(found.cumulative, np.column_stack([c[at] for c in other.cinc]), rtol=1e-10)
    together = kaplan_meier(MADE["time"], MADE["cause"] > 0)
    close(1 - found.cumulative.sum(axis=1), together.survival, rtol=1e-12)
    one = cumulative_incidence(MADE["time"], EVENT, n_causes=1)
    close(1 - one.cumulative[:, 0], kaplan_meier(MADE["time"], EVENT).survival)


def test_incidence_without_censoring_is_a_share():
    time, cause = np.arange(1.0, 21.0), np.tile([1, 2, 2, 1], 5)
    found = cumulative_incidence(time, cause, n_causes=2)
    share = (cause[:14] == 1).sum() / 20
    value, se = found.at(14.5, 1)
    assert value == pytest.approx(share)
    assert se == pytest.approx(np.sqrt(share * (1 - share) / 20))
    assert found.at(0.5, 1) == (0.0, 0.0)


def test_no_event_at_all():
    time, event = np.full(6, 24.0), np.zeros(6)
    assert len(kaplan_meier(time, event).times) == 0
    assert restricted_mean(time, event, until=24).estimate == 24
    found = restricted_mean_difference(time, event, [1, 1, 1, 0, 0, 0], until=24, cluster=[1, 2, 3, 1, 2, 3])
    assert np.isnan(found.p)
    assert "no event" in found.warning
    assert np.isnan(log_rank(time, event, [1, 1, 1, 0, 0, 0]).p)
    assert cumulative_incidence(time, event, n_causes=2).at(24, 1) == (0.0, 0.0)


def test_one_arm_without_events_has_difference_and_log_rank():
    time, event = np.array([3.0, 9.0, 24, 24, 24, 24, 24, 24]), np.array([1, 1, 0, 0, 0, 0, 0, 0])
    found = restricted_mean_difference(time, event, [0, 0, 0, 0, 1, 1, 1, 1], until=24)
    assert found.estimate == pytest.approx(24 - (3 + 9 + 48) / 4)
    assert np.isfinite(found.p)
    assert np.isfinite(log_rank(time, event, [0, 0, 0, 0, 1, 1, 1, 1]).p)


@pytest.mark.parametrize(
    ("time", "event", "message"),
    [([1, -2], [0, 1], "1 families"), ([1, np.nan], [0, 1], "1 families"), ([1, 2], [0, 3], "1 families")],
)
def test_bad_rows_are_refused(time: list[float], event: list[float], message: str):
    with pytest.raises(ValueError, match=message):
        kaplan_meier(time, event)


def test_an_area_beyond_the_follow_up_is_refused():
    with pytest.raises(ValueError, match="no family was followed to 30"):
        restricted_mean([3, 24], [1, 0], until=30)
    with pytest.raises(ValueError, match="both arms"):
        log_rank([3, 24], [1, 0], [1, 1])
