"""The shipped synthetic study shows what was published, exactly, and is what its truth gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.data import Study, check_study, load_study
from mtb_eval.data.synthetic import Truth, load_truth, simulate_study, study_from_raw, write_study
from mtb_eval.study import Plan, load_plan

SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"
SECOND_BIRTHDAY = pd.DateOffset(months=24)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan()


@pytest.fixture(scope="module")
def truth() -> Truth:
    return load_truth(SHIPPED / "truth.toml")


@pytest.fixture(scope="module")
def study(plan: Plan) -> Study:
    return load_study(SHIPPED, plan)


@pytest.fixture(scope="module")
def families(study: Study) -> pd.DataFrame:
    return study.families


def by_arm(flags: pd.Series, families: pd.DataFrame) -> tuple[int, int]:
    return int(flags[families["mtb"] == 1].sum()), int(flags[families["mtb"] == 0].sum())


def test_the_files_have_no_problem(plan: Plan) -> None:
    assert check_study(SHIPPED, plan).empty


def test_the_same_truth_gives_the_shipped_bytes_twice(plan: Plan, truth: Truth, tmp_path: Path) -> None:
    for k in (1, 2):
        raw = simulate_study(plan, truth, np.random.default_rng(truth.seed))
        for file in write_study(raw, plan, tmp_path / str(k)):
            assert file.read_bytes() == (SHIPPED / file.name).read_bytes(), file.name


def test_a_study_made_in_memory_is_the_one_that_is_loaded(plan: Plan, truth: Truth, study: Study) -> None:
    made = study_from_raw(simulate_study(plan, truth, np.random.default_rng(truth.seed)), plan)
    pd.testing.assert_frame_equal(made.families, study.families)
    for name in ("ratings", "visits", "placements", "usual_care", "costs", "interviews", "municipalities", "missing"):
        pd.testing.assert_frame_equal(getattr(made, name), getattr(study, name))
    for wave, answers in study.answers.items():
        pd.testing.assert_frame_equal(made.answers[wave], answers)


@pytest.mark.parametrize(
    ("column", "mtb", "control"),
    [
        ("answered_baseline", 183, 73),
        ("answered_m24", 138, 32),
        ("video_m24", 104, 20),
        ("placed_out_of_home_m24", 5, 6),
    ],
)
def test_counts_by_arm(families: pd.DataFrame, column: str, mtb: int, control: int) -> None:
    assert by_arm(families[column], families) == (mtb, control)


def test_trauma_is_as_published(families: pd.DataFrame) -> None:
    assert families["childhood_trauma_any_baseline"].sum() in (207, 208)
    assert families["childhood_trauma_any_baseline"].notna().all()
    kinds = families.filter(regex="^exposed_.*_baseline$").mean().sort_values(ascending=False)
    assert set(kinds.index[:2]) == {"exposed_emotional_abuse_baseline", "exposed_sexual_abuse_baseline"}


def test_visits_are_as_published(families: pd.DataFrame, study: Study) -> None:
    mtb = families[families["mtb"] == 1]
    assert 66.5 <= mtb["n_visits"].mean() < 67.5
    assert (mtb["n_visits"] >= 45).sum() in (144, 145)
    stayed = mtb["left_on"].isna() | (mtb["left_on"] >= mtb["born_on"] + SECOND_BIRTHDAY)
    assert stayed.sum() == 130
    log = study.visits.merge(families[["family_id", "mtb", "recruited_on", "born_on", "left_on"]], on="family_id")
    assert (log["mtb"] == 1).all()
    assert (log["visited_on"] >= log["recruited_on"]).all()
    assert (log["visited_on"] <= log["born_on"] + SECOND_BIRTHDAY).all()
    assert not (log["visited_on"] > log["left_on"]).any()


def test_usual_care_is_as_published(families: pd.DataFrame, study: Study) -> None:
    control = families[families["mtb"] == 0].set_index("family_id")
    registered = set(study.usual_care["family_id"])
    services = study.usual_care[study.usual_care["service"] != "none"]
    began = services.groupby("family_id")["began_on"].min()
    assert registered <= set(control.index)
    assert len(registered) == 72
    assert 72 - len(began) == 34
    assert (began >= control.loc[began.index, "born_on"]).sum() == 34
    assert len(began) == 38


def test_depression_is_as_published_in_both_arms(families: pd.DataFrame) -> None:
    epds = families["epds_total_m24"]
    for rows in (epds, epds[families["mtb"] == 1], epds[families["mtb"] == 0]):
        assert 8.65 <= rows.mean() < 8.75


def test_recruitment_is_as_published(families: pd.DataFrame, plan: Plan) -> None:
    trained = families["municipality"].map({m.code: pd.Timestamp(m.trained_on) for m in plan.municipalities})
    before = families["recruited_on"] < trained
    assert not (before & (families["mtb"] == 1)).any()
    assert 40 < (before & (families["mtb"] == 0)).sum() < 73
    assert families["recruited_on"].min() < pd.Timestamp("2018-07-01")
    assert families["recruited_on"].max() >= pd.Timestamp("2022-06-01")
    assert families["recruited_on"].between("2018-06-01", "2022-06-30").all()
    assert families["mother_age"].min() >= 15
    assert set(families["care_level"]) == {3, 4}
    sizes = families["municipality"].value_counts()
    assert len(sizes) == 10
    assert sizes.nunique() >= 8


def test_interviews_and_costs_are_as_published(study: Study) -> None:
    assert study.interviews["group"].value_counts().to_dict() == {
        "expectant_fathers": 10,
        "fathers_in_mtb": 6,
        "clinicians": 11,
    }
    assert study.costs["municipality"].nunique() == 7


def test_reasons_for_missing_answers_are_kept_apart(study: Study, plan: Plan) -> None:
    asked = study.missing[study.missing["source"].str.startswith("questionnaire")]
    assert set(asked["reason"]) == {"missing", "dont_know", "not_applicable"}
    partner = {plan.instruments["mother"].item_column(k) for k in (2, 3, 4, 5)}
    assert set(asked.loc[asked["reason"] == "not_applicable", "column"]) == partner
    alone = study.families["has_partner_m24"] == 0
    assert study.families.loc[alone, "partner_relationship_m24"].isna().all()


def test_scales_are_plausibly_reliable(study: Study, plan: Plan) -> None:
    alphas = {}
    for source in (s for s in plan.sources if s.role == "questionnaire"):
        for instrument in (plan.instruments[i] for i in source.instruments):
            for scale in (s for s in instrument.scales if len(s.items) > 2):
                columns = [instrument.item_column(k) for k in scale.items]
                turned = np.array([-1 if k in scale.reversed_items else 1 for k in scale.items])
                alphas[scale.id, source.wave] = cronbach(study.answers[source.wave or ""][columns].to_numpy() * turned)
    assert min(alphas.values()) > 0.5
    assert max(alphas.values()) < 0.9


def test_a_quarter_of_the_videos_is_rated_by_two_coders_who_agree(study: Study, plan: Plan) -> None:
    videos = study.ratings.groupby(["family_id", "wave"]).size()
    assert set(videos) == {1, 2}
    assert abs((videos == 2).mean() - 0.25) < 0.01
    items = plan.instruments["cib"].scales[0]
    columns = [plan.instruments["cib"].item_column(k) for k in items.items]
    score = study.ratings.assign(score=study.ratings[columns].mean(axis=1))
    pairs = score.groupby(["family_id", "wave"])["score"].agg(["first", "last", "size"]).query("size == 2")
    assert 0.6 < np.corrcoef(pairs["first"], pairs["last"])[0, 1] < 0.97


def test_attrition_goes_with_arm_and_baseline(families: pd.DataFrame) -> None:
    for arm in (0.0, 1.0):
        here = families[families["mtb"] == arm]
        stayed, lost = here[here["answered_m24"]], here[~here["answered_m24"].astype(bool)]
        assert stayed["low_education_baseline"].mean() < lost["low_education_baseline"].mean()
        assert stayed["epds_total_baseline"].mean() < lost["epds_total_baseline"].mean()
        assert stayed["mother_age"].mean() > lost["mother_age"].mean()


def cronbach(items: np.ndarray) -> float:
    items = items[~np.isnan(items).any(axis=1)]
    k = items.shape[1]
    return float(k / (k - 1) * (1 - items.var(axis=0, ddof=1).sum() / items.sum(axis=1).var(ddof=1)))
