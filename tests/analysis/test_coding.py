"""Tables on coding: the shipped study, one coder, no double coding, no videos, and what a lenient coder does."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from tests.analysis.coding_study import shipped, with_ratings, without_wave

from mtb_eval.analysis.coding import CodingTables, coding
from mtb_eval.analysis.coding_drift import DRIFT_COLUMNS, MEASURES, drift_rows
from mtb_eval.analysis.coding_ratings import film_waves, rated_instruments, videos
from mtb_eval.analysis.coding_table import table
from mtb_eval.analysis.effects import deciding_row, effects
from mtb_eval.analysis.interaction import change
from mtb_eval.data.score import scale_scores
from mtb_eval.inference.reliability import icc

ITEMS = [f"cib{k:02d}" for k in range(1, 28)]


@pytest.fixture(scope="module")
def study():
    return shipped()[0]


@pytest.fixture(scope="module")
def plan():
    return shipped()[1]


@pytest.fixture(scope="module")
def tables(study, plan):
    return coding(study, plan)


def test_every_scale_wave_and_coefficient_is_a_row(tables, plan):
    rows = tables.coder_reliability
    assert len(rows) == 10 * 3 * 5
    assert not rows.duplicated(["scale", "wave", "coefficient"]).any()
    assert (rows["error"] == "").all() and np.isfinite(rows["value"]).all()


def test_reliability_is_the_icc_of_the_scores_by_coder(tables, study, plan):
    """Built again from the ratings file by a pivot."""
    at = study.ratings[study.ratings["wave"] == "m24"].set_index(["family_id", "coder"])
    scores = scale_scores(at, plan.instruments["cib"])["synchrony"].unstack().to_numpy()
    row = _one(tables.coder_reliability, scale="synchrony", wave="m24", coefficient="ICC(2,1)")
    found = icc(scores, "ICC(2,1)")
    np.testing.assert_allclose([row.value, row.ci_low, row.ci_high], [found.value, found.ci_low, found.ci_high])
    used = _one(tables.coder_reliability, scale="synchrony", wave="m24", coefficient="score used")
    assert used.k == pytest.approx(1 / np.mean(1 / at.groupby("family_id").size()))
    assert row.value < used.value < 1


def test_counts_of_videos_and_coders(tables, study):
    row = _one(tables.video_raters, wave="m24", arm="all")
    per_video = study.ratings[study.ratings["wave"] == "m24"].groupby("family_id").size()
    assert (row.n_videos, row.n_double, row.n_coders) == (len(per_video), (per_video == 2).sum(), 3)
    assert tables.video_raters["warning"].str.contains("blinding cannot be tested").all()


def test_attenuation_divides_by_the_root_of_reliability(tables, study, plan):
    rows = tables.attenuation
    root = np.sqrt(rows["reliability"])
    for seen, true in (("standardised", "true_std"), ("std_low", "true_low"), ("mde", "true_mde")):
        np.testing.assert_allclose(rows[true] * root, rows[seen], rtol=1e-12)
    assert (rows["true_mde"] > rows["mde"]).all()
    full = effects(study, replace(plan, outcomes=(plan.outcome("synchrony"),), dose=None, interaction=None))
    decided = deciding_row(full, plan, "synchrony", "primary")
    assert _one(rows, outcome="synchrony").estimate == pytest.approx(decided["estimate"], rel=1e-12)


def test_change_is_that_of_the_change_table_and_weights_add_rows(tables, study, plan):
    own = tables.change_weighted[tables.change_weighted["analysis"] == "complete"]
    old = change(study, plan).set_index(["column", "arm"])
    for measure, arm in (("change, MTB", "mtb"), ("change, usual care", "control")):
        rows = own[own["measure"] == measure].set_index("outcome")
        theirs = old.xs(arm, level="arm").loc[rows.index]
        np.testing.assert_allclose(rows["estimate"], theirs["estimate"])
        np.testing.assert_allclose(rows["standardised"], theirs["std"])
        np.testing.assert_allclose(rows["se"], theirs["se"])
    weighted = tables.change_weighted[tables.change_weighted["analysis"] == "weighted"]
    assert len(weighted) == len(own)
    assert (weighted["n_effective"] < weighted["n_mtb"] + weighted["n_control"]).all()


def test_a_lenient_coder_is_found_and_shifts_the_arms_by_her_share(study, plan):
    """One coder is made half a point more lenient on every rating: known leniency, known shift."""
    plain, moved = (_drift(study, r, plan) for r in (study.ratings, _lenient(study.ratings, 0.5)))
    step = (moved["estimate"] - plain["estimate"]).groupby([plain["measure"], plain["coder"], plain["wave"]])
    found = step.agg(["min", "max"])
    np.testing.assert_allclose(found.loc[("leniency", "1", "")], 0.5 * 2 / 3, atol=1e-9)
    np.testing.assert_allclose(found.loc[("leniency", "2", "")], -0.5 / 3, atol=1e-9)
    np.testing.assert_allclose(found.loc["drift"], 0, atol=1e-9)
    film = videos(study, rated_instruments(plan)[0])
    here = film.at("m24")
    share = film.rated[here, 0] / film.rated[here].sum(axis=1)
    own = share[film.mtb[here] == 1].mean() - share[film.mtb[here] == 0].mean()
    np.testing.assert_allclose(found.loc[("arm shift", "", "m24")], 0.5 * own, atol=1e-9)


def test_a_drifting_coder_is_found(study, plan):
    ratings = study.ratings.copy()
    half_years = (ratings["rated_on"] - ratings["rated_on"].min()).dt.days / (365.25 / 2)
    own = (ratings["coder"] == 2).to_numpy()
    ratings.loc[own, ITEMS] = ratings.loc[own, ITEMS].add(0.2 * half_years[own], axis=0)
    plain, moved = (_drift(study, r, plan) for r in (study.ratings, ratings))
    rows = plain["measure"] == "drift"
    step = (moved["estimate"] - plain["estimate"])[rows].groupby(plain["coder"][rows]).agg(["min", "max"])
    np.testing.assert_allclose(step.loc["2"], 0.2 * 2 / 3, atol=1e-9)
    np.testing.assert_allclose(step.loc["1"], -0.2 / 3, atol=1e-9)


def test_one_coder_is_said_and_everything_else_is_there(study, plan):
    one = study.ratings.drop_duplicates(["family_id", "wave"]).assign(coder=1)
    found = coding(with_ratings(study, one), plan)
    assert found.coder_reliability["error"].str.contains("one coder").all() and len(found.coder_reliability)
    assert found.coder_items["error"].str.contains("one coder").all()
    assert found.coder_drift["error"].str.contains("one coder").all()
    assert set(found.coder_drift["measure"]) == set(MEASURES)
    assert found.attenuation["warning"].str.contains("reliability is not known").all()
    assert np.isfinite(found.attenuation["standardised"]).all()


def test_no_double_coding_is_said(study, plan):
    single = study.ratings.drop_duplicates(["family_id", "wave"])
    found = coding(with_ratings(study, single), plan)
    assert found.coder_reliability["error"].str.contains("no video was rated by two coders").all()


def test_no_twelve_month_video(study, plan):
    found = coding(without_wave(study, "m12"), plan)
    at = found.coder_reliability[found.coder_reliability["wave"] == "m12"]
    assert len(at) and (at["error"] == "no video of this wave").all()
    assert (found.change_weighted["error"] != "").all() and len(found.change_weighted)
    late = found.coder_reliability[found.coder_reliability["wave"] == "m24"]
    assert (late["error"] == "").all()
    assert (found.attenuation.query("wave == 'm12'")["error"] != "").all()


def test_a_file_without_coder_and_dates(study, plan):
    bare = study.ratings.drop_duplicates(["family_id", "wave"]).drop(columns=["coder", "rated_on", "recorded_on"])
    found = coding(with_ratings(study, bare), plan)
    assert found.coder_reliability["error"].str.contains("one coder").all()
    dated = coding(with_ratings(study, study.ratings.drop(columns=["rated_on"])), plan).coder_drift
    assert dated[dated["measure"].str.contains("drift")]["error"].str.contains("dates are not known").all()
    assert np.isfinite(dated[dated["measure"] == "leniency"]["estimate"]).all()


def test_a_study_without_ratings_has_empty_tables_with_their_columns(study, plan, tables):
    bare = replace(
        plan,
        sources=tuple(s for s in plan.sources if s.role != "ratings"),
        outcomes=tuple(o for o in plan.outcomes if o.sample != "video"),
        interaction=None,
    )
    found = coding(with_ratings(study, pd.DataFrame()), bare)
    for name in (f.name for f in fields(CodingTables)):
        frame = getattr(found, name)
        assert list(frame.columns) == list(getattr(tables, name).columns)
        assert len(frame) == (
            0 if name != "scale_quality" else len(tables.scale_quality.query("kind == 'questionnaire'"))
        )


def test_ratings_declared_but_none_made(study, plan):
    found = coding(with_ratings(study, study.ratings.iloc[:0]), plan)
    assert (found.coder_reliability["error"] == "no video of this wave").all() and len(found.coder_reliability)


def test_bootstrap_only_with_a_generator(study, plan, tables):
    small = with_ratings(study, study.ratings[["family_id", "wave", "coder", "recorded_on", "rated_on", *ITEMS]])
    assert tables.coder_reliability["boot_low"].isna().all()
    film = videos(small, rated_instruments(plan)[0])
    assert film.double.sum() == 70


def test_alpha_of_a_shipped_scale_is_the_formula(tables, study, plan):
    items = study.answers["m24"][[f"epds{k:02d}" for k in range(1, 11)]].dropna().to_numpy()
    expected = 10 / 9 * (1 - items.var(axis=0, ddof=1).sum() / items.sum(axis=1).var(ddof=1))
    row = _one(tables.scale_quality, scale="epds_total", wave="m24")
    assert row.alpha == pytest.approx(expected, rel=1e-12)
    assert row.n_complete == len(items)
    withdrawn = _one(tables.scale_quality, scale="child_withdrawal", wave="m12")
    assert withdrawn.at_low > 0.15 and "lowest possible score" in withdrawn.warning


def test_table_refuses_a_column_it_does_not_have():
    with pytest.raises(KeyError, match="speed"):
        table([{"speed": 1.0}], DRIFT_COLUMNS)


def _one(frame: pd.DataFrame, **where: str) -> pd.Series:
    rows = frame
    for column, value in where.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def _lenient(ratings: pd.DataFrame, by: float) -> pd.DataFrame:
    moved = ratings.copy()
    moved.loc[moved["coder"] == 1, ITEMS] += by
    return moved


def _drift(study, ratings, plan) -> pd.DataFrame:
    """Drift rows of composites taken as plain means of three items, so that any number can be a rating."""
    film = videos(study, rated_instruments(plan)[0])
    scores = {}
    for scale in film.instrument.scales:
        if scale.id != "interaction_quality":
            columns = [film.instrument.item_column(k) for k in scale.items]
            mean = ratings.assign(score=ratings[columns].mean(axis=1))
            wide = mean.pivot(index=["family_id", "wave"], columns="coder", values="score")
            scores[scale.id] = wide.reindex(pd.MultiIndex.from_arrays([film.family, film.wave])).to_numpy()
    kept = tuple(s for s in film.instrument.scales if s.id in scores)
    made = replace(film, instrument=replace(film.instrument, scales=kept), scores=scores)
    return table(drift_rows(made, film_waves(study, plan), level=plan.level), DRIFT_COLUMNS)
