"""Register events to placements: paragraphs, changes of place, discharge, gaps, and which source decides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mtb_eval.data import load_study
from mtb_eval.data.registers import is_placement, register_spells, spells_from_events
from mtb_eval.data.synthetic import load_truth, simulate_study, write_study
from mtb_eval.study import load_plan

PLAN = load_plan()


def events(*rows: tuple[str, int, str, str | None, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["family_id", "paragraph", "started_on", "ended_on", "discharged_to"])
    days = {c: pd.to_datetime(frame[c]) for c in ("started_on", "ended_on")}
    return frame.assign(**days, place_type=130.0, discharged_to=frame["discharged_to"].astype(float))


def test_only_paragraphs_100_to_199_are_placements():
    codes = events(*[("A", p, "2020-01-01", None, None) for p in (99, 100, 110, 199, 200, 299, 346, 400, 455)])
    assert is_placement(codes).tolist() == [False, True, True, True, False, False, False, False, False]


def test_changes_of_paragraph_and_place_are_one_placement():
    rows = events(
        ("A", 110, "2020-01-01", "2020-03-01", None),
        ("A", 120, "2020-03-02", "2020-06-01", None),
        ("A", 400, "2020-03-02", "2021-06-01", None),
        ("A", 120, "2020-06-01", None, None),
        ("A", 199, "2021-01-01", None, None),
        ("B", 250, "2020-01-01", None, None),
    )
    found = spells_from_events(rows)
    assert found[["family_id", "n_events"]].to_numpy().tolist() == [["A", 4]]
    assert found["placed_on"].tolist() == [pd.Timestamp("2020-01-01")]
    assert found["ended_on"].isna().all()


@pytest.mark.parametrize(("gap", "n"), [(1, 2), (6, 2), (7, 1), (30, 1)])
def test_a_gap_longer_than_the_rule_makes_a_new_placement(gap: int, n: int):
    rows = events(("A", 110, "2020-01-01", "2020-03-01", None), ("A", 110, "2020-03-08", "2020-04-01", None))
    assert len(spells_from_events(rows, merge_days=gap)) == n


def test_a_discharge_closes_a_placement_whose_end_is_not_given():
    open_row, closed = ("A", 110, "2020-01-01", None, None), ("A", 110, "2020-01-01", None, 1.0)
    again = ("A", 110, "2021-01-01", "2021-02-01", 1.0)
    assert len(spells_from_events(events(open_row, again))) == 1
    assert len(spells_from_events(events(closed, again))) == 2


def test_an_event_inside_a_longer_one_does_not_end_it():
    rows = events(
        ("A", 110, "2020-01-01", "2020-12-31", None),
        ("A", 120, "2020-02-01", "2020-03-01", None),
        ("A", 110, "2020-06-01", "2020-07-01", None),
    )
    found = spells_from_events(rows)
    assert found["ended_on"].tolist() == [pd.Timestamp("2020-12-31")]


def test_order_of_rows_and_missing_columns_do_not_matter():
    rows = events(
        ("B", 110, "2020-05-01", "2020-06-01", None),
        ("A", 110, "2020-03-08", None, None),
        ("A", 110, "2020-01-01", "2020-03-01", None),
    )
    expected = spells_from_events(rows)
    pd.testing.assert_frame_equal(spells_from_events(rows.iloc[::-1]), expected)
    assert expected["family_id"].tolist() == ["A", "A", "B"]
    bare = rows[["family_id", "paragraph", "started_on"]]
    assert spells_from_events(bare)["n_events"].tolist() == [2, 1]
    assert spells_from_events(pd.DataFrame()).columns.tolist() == expected.columns.tolist()


def test_a_placement_before_birth_is_not_the_childs():
    rows = events(("A", 110, "2019-12-01", "2019-12-20", None), ("A", 110, "2020-03-01", None, None))
    families = pd.DataFrame({"family_id": ["A"], "born_on": pd.to_datetime(["2020-01-01"])})
    assert register_spells(rows, families, PLAN)["placed_on"].tolist() == [pd.Timestamp("2020-03-01")]
    unborn = families.assign(born_on=pd.NaT)
    assert len(register_spells(rows, unborn, PLAN)) == 2
    assert len(register_spells(rows, families[["family_id"]], PLAN)) == 2


def test_registration_decides_and_the_register_where_there_is_none(tmp_path):
    truth = load_truth()
    raw = simulate_study(PLAN, truth, np.random.default_rng(truth.seed))
    files = {f.stem: f for f in write_study(raw, PLAN, tmp_path)}
    both = load_study(tmp_path, PLAN)
    outcome = PLAN.outcome(PLAN.placements.outcome).variable
    assert both.placements_from == "registration"
    assert len(both.register_events) == len(raw["register_events"])
    sources = tuple(s for s in PLAN.sources if s.role != "placements")
    without = PLAN.with_files(instruments=PLAN.instruments, sources=sources, claims=PLAN.claims)
    files["placements"].unlink()
    one = load_study(tmp_path, without)
    assert one.placements_from == "register"
    spells = spells_from_events(both.register_events)
    pd.testing.assert_frame_equal(one.placements, spells)
    early = spells["placed_on"] < spells["family_id"].map(
        both.families.set_index("family_id")["born_on"] + pd.DateOffset(months=PLAN.placements.months)
    )
    assert one.families[outcome].sum() == early.sum() < len(spells)
    files["register_events"].unlink()
    none = load_study(tmp_path, without)
    assert none.placements_from == "nothing"
    assert none.families[outcome].isna().all()
