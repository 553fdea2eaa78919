"""How far effects can be trusted, in words: counted from the rows, in both languages, also where there is nothing."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from mtb_eval.report.edition import edition
from mtb_eval.report.evidence import main_ids
from mtb_eval.report.figures.trust import placebo, spread
from mtb_eval.report.figures.trust import trust as trust_figure
from mtb_eval.report.figures.trust_curve import curve
from mtb_eval.report.sections.trust import trust
from mtb_eval.report.style import Absent, house_style
from mtb_eval.report.trust import lead_outcome, placebo_samples, sample_name, trust_values


def changed(results, **tables):
    return replace(results, detail={**results.detail, **tables})


def main_part(frame, one):
    return frame[frame["outcome"].isin(main_ids(one))]


def test_counts_are_those_of_the_rows(editions, results):
    one = editions["en"]
    values = trust_values(one)
    grades = main_part(results.detail["grades"], one)
    assert values["n"] == len(grades)
    for grade in ("robust", "suggestive", "not supported", "not estimable"):
        assert values[grade.replace(" ", "_")] == (grades["grade"] == grade).sum()
    assert values["unreachable"] == (~grades["reachable"]).sum()
    many = main_part(results.detail["multiplicity"], one)
    assert (values["unadjusted"], values["holm"]) == ((many["p"] < 0.05).sum(), (many["p_holm"] < 0.05).sum())
    curves = main_part(results.detail["specification_curve"], one)
    assert values["one_sign"] == curves["n_positive"].isin([0, 16]).sum()
    assert values["n_choices"] == "16"
    rows = results.detail["baseline_placebo"]
    assert values["placebo"] == ((rows["sample"] == "all families") & (rows["p"] < 0.05)).sum()
    assert values["p_joint"] == "p\xa0=\xa0.30"
    spread_rows = main_part(results.detail["effect_spread"], one)
    assert values["open_spread"] == (spread_rows["tau_std_high"] > 0.4).sum()
    assert (values["replica_df"], values["primary_df"]) == ("159", "6")
    alike = main_part(results.detail["municipality_icc"], one)
    assert (values["alike"], values["icc_most"]) == ((alike["p"] < 0.05).sum(), f"{alike['icc'].max():.2f}")


@pytest.mark.parametrize("language", ["en", "da"])
def test_every_table_has_a_line_for_each_row_of_the_main_wave(editions, results, language):
    one = editions[language]
    section = trust(one)
    tables = [*section.tables, *(t for f in section.folds for t in f.tables)]
    assert [t.source for t in tables] == [
        "grades",
        "multiplicity",
        "specification_curve",
        "calendar_forms",
        "baseline_placebo",
        "effect_spread",
        "municipality_icc",
        "effect_diagnostics",
        "further_models",
    ]
    for shown in tables:
        assert all(len(line.cells) == len(shown.columns) for line in shown.lines)
        if shown.source not in ("baseline_placebo", "effect_diagnostics", "further_models"):
            assert len(shown.lines) == len(main_ids(one))
    assert len(tables[4].lines) == results.detail["baseline_placebo"]["measure"].nunique()


def test_sentences_hold_no_gap_and_no_missing_number(editions):
    for one in editions.values():
        section = trust(one)
        said = [*section.finding, *section.bullets, *section.sure, *(p for f in section.folds for p in f.paragraphs)]
        assert all(t and "{" not in t and "nan" not in t.lower().split() for t in said)


def test_grades_are_named_in_danish(editions):
    cells = [line.cells[1].text for line in trust(editions["da"]).tables[0].lines]
    assert set(cells) <= {"robust", "antydet", "ikke understøttet", "kan ikke beregnes"} and "antydet" in cells


def test_samples_are_named(editions):
    one = editions["en"]
    assert [sample_name(one, s) for s in placebo_samples(one)] == [
        "all families",
        "answered at 24 months",
        "filmed at 24 months",
    ]


def test_the_curve_is_that_of_the_smallest_primary_p(plan, results, provenance):
    outcomes = results.outcomes.copy()
    outcomes["primary_p"] = [0.001 if o == "sensitivity" else 0.2 for o in outcomes["outcome"]]
    one = edition("en", plan, replace(results, outcomes=outcomes), provenance)
    assert lead_outcome(one) == "sensitivity"


def test_ratios_risks_and_indices_are_in_their_own_units(editions):
    fold = trust(editions["en"]).folds[-1]
    shown = {
        line.cells[1].text: line.cells[2].text for line in fold.tables[0].lines if line.cells[2].text != "\N{EN DASH}"
    }
    assert shown["logistic: risk difference"] == "10"
    assert shown["Poisson: risk ratio"] == "0.61"
    assert "." in shown["index, plain mean"]
    assert any(line.cells[1].under == "MTB alone, unadjusted" for line in fold.tables[0].lines)


def test_without_rows_section_and_figures_are_absent(plan, results, provenance):
    for detail in ({}, {name: pd.DataFrame() for name in results.detail}):
        one = edition("da", plan, replace(results, detail=detail), provenance)
        assert trust(one).tables == () and trust(one).folds == ()
        with house_style():
            assert all(isinstance(draw(one), Absent) for draw in (trust_figure, placebo, spread, curve))


def test_where_nothing_could_be_estimated_the_rest_stands(plan, results, provenance):
    empty = {name: results.detail[name].iloc[:0] for name in ("specification_curve", "specifications", "effect_spread")}
    one = edition("en", plan, changed(results, **empty), provenance)
    ids = [f.id for f in trust(one).folds]
    assert "trust-spread" not in ids and "trust-many" in ids
    assert not any("nan" in t.lower().split() for t in trust(one).finding)
