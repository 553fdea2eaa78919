"""Registration against register by family, and what a register extract changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.compare import PLACEMENTS, compare, read_placements
from mtb_eval.analysis.placements_data import by_source
from mtb_eval.analysis.placements_detail import placements_detail
from mtb_eval.analysis.registers import agreement
from mtb_eval.data import Study, load_study
from mtb_eval.report.csv_text import csv_text
from mtb_eval.study import load_plan

SHIPPED = load_plan()
PLAN = replace(
    SHIPPED,
    outcomes=(SHIPPED.outcome("placed_out_of_home"),),
    placements_detail=replace(SHIPPED.placements_detail, draws=99),
)
VARIABLE = PLAN.outcomes[0].variable


@pytest.fixture(scope="module")
def shipped() -> Study:
    return load_study(Path(__file__).parents[2] / "data" / "synthetic", SHIPPED)


def with_events(study: Study, rows: list[tuple[str, int, int]]) -> Study:
    """The study with an extract: family, paragraph, days after birth."""
    born = study.families.set_index("family_id")["born_on"]
    frame = pd.DataFrame(rows, columns=["family_id", "paragraph", "age"])
    started = born.reindex(frame["family_id"]).to_numpy() + pd.to_timedelta(frame["age"], unit="D").to_numpy()
    return replace(study, register_events=frame.drop(columns="age").assign(started_on=started))


def placed_ids(study: Study, mtb: float) -> list[str]:
    f = study.families
    return f.loc[(f[VARIABLE] == 1) & (f["mtb"] == mtb), "family_id"].tolist()


@pytest.fixture(scope="module")
def differing(shipped: Study) -> Study:
    """Register: four of the five in MTB, all six controls, one more control; one placed late; one preventive only."""
    f = shipped.families
    free = f.loc[(f[VARIABLE] == 0) & (f["mtb"] == 0), "family_id"].tolist()
    first = shipped.placements.groupby("family_id")["placed_on"].min()
    born = f.set_index("family_id")["born_on"]
    held = [*placed_ids(shipped, 1.0)[:4], *placed_ids(shipped, 0.0)]
    rows = [(i, 110, int((first[i] - born[i]).days) + 3) for i in held]
    rows += [(free[0], 110, 100), (free[1], 110, 900), (free[2], 400, 50), (placed_ids(shipped, 1.0)[4], 250, 5)]
    rows += [(free[3], 110, -20)]
    return with_events(shipped, rows)


def test_counts_and_kappa_by_hand(differing: Study):
    found = agreement(dict(by_source(differing, PLAN)), PLAN).set_index("arm")
    cells = ["both", "only_registration", "only_register", "neither", "unknown"]
    assert found.loc["all", cells].tolist() == [10, 1, 1, 244, 0]
    assert found.loc["mtb", cells].tolist() == [4, 1, 0, 178, 0]
    assert found.loc["control", cells].tolist() == [6, 0, 1, 66, 0]
    chance = (11 / 256) ** 2 + (245 / 256) ** 2
    assert found.loc["all", "kappa"] == pytest.approx((254 / 256 - chance) / (1 - chance))
    assert found.loc["all", "kappa_low"] < found.loc["all", "kappa"] < found.loc["all", "kappa_high"] <= 1
    assert found.loc["all", "agreement"] == pytest.approx(254 / 256)
    assert found.loc["all", "days_between"] == 3


def test_each_source_has_its_own_tests_and_the_conclusion_changes(differing: Study):
    tables = placements_detail(differing, PLAN)
    fisher = tables.tests[tables.tests["method"] == "Fisher"].set_index("source")
    assert fisher.loc["registration", ["n_mtb_events", "n_control_events"]].tolist() == [5, 6]
    assert fisher.loc["register", ["n_mtb_events", "n_control_events"]].tolist() == [4, 7]
    assert fisher.loc["registration", "p"] > 0.05 > fisher.loc["register", "p"]
    held = tables.extract.set_index("what")["n"]
    assert held["events"] == 15
    assert held["preventive measures, not counted"] == 2
    assert held["begun before birth, left out"] == 1
    assert held["children placed before the age limit"] == 11
    assert held["children ever placed"] == 12


def test_a_newer_extract_shows_what_it_changes(shipped: Study, differing: Study, tmp_path: Path):
    for name, study in (("old", shipped), ("new", differing)):
        (tmp_path / name / "tables").mkdir(parents=True)
        text = csv_text(placements_detail(study, PLAN).tests)
        (tmp_path / name / "tables" / "placement_tests.csv").write_text(text, encoding="utf-8")
    old, new = (read_placements(tmp_path / name) for name in ("old", "new"))
    assert compare(old, old, rule=PLAN.verdicts, kind=PLACEMENTS).same
    found = compare(old, new, rule=PLAN.verdicts, kind=PLACEMENTS)
    assert found.only_first.empty
    assert found.only_second.empty
    assert set(found.verdicts["source"]) == {"register"}
    fisher = found.verdicts[found.verdicts["method"] == "Fisher"]
    assert fisher[["first", "second"]].to_numpy().tolist() == [["tendency", "significant"]]
    assert read_placements(tmp_path) is None


def test_no_extract_no_rows_and_an_empty_one_means_nobody(shipped: Study):
    without = replace(shipped, register_events=pd.DataFrame())
    tables = placements_detail(without, PLAN)
    assert tables.agreement.empty
    assert tables.extract.empty
    assert set(tables.tests["source"]) == {"registration"}
    nobody = with_events(shipped, [])
    found = agreement(dict(by_source(nobody, PLAN)), PLAN).set_index("arm")
    assert found.loc["all", ["both", "only_registration", "only_register", "neither"]].tolist() == [0, 11, 0, 245]
    assert found.loc["all", "kappa"] == 0
    assert np.isnan(found.loc["all", "days_between"])


def test_nobody_in_either_source_has_no_kappa(shipped: Study):
    families = shipped.families.assign(**{VARIABLE: 0.0})
    nobody = with_events(replace(shipped, families=families, placements=shipped.placements.iloc[:0]), [])
    found = agreement(dict(by_source(nobody, PLAN)), PLAN)
    assert found["kappa"].isna().all()
    assert found["warning"].str.contains("only one answer").all()
    assert (found["agreement"] == 1).all()


def test_a_register_alone_is_the_only_source(shipped: Study):
    alone = replace(shipped, placements_from="register")
    assert [source for source, _ in by_source(alone, PLAN)] == ["register"]
    assert placements_detail(alone, PLAN).agreement.empty
