"""What the design can vouch for, in words: counted from the rows, in both languages, also where there is nothing."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from mtb_eval.report.edition import edition
from mtb_eval.report.evidence import evidence_values, lot_rows, main_ids, source_weights
from mtb_eval.report.figures.evidence import evidence, evidence_weights
from mtb_eval.report.sections.design_evidence import design_evidence
from mtb_eval.report.style import Absent, house_style


def changed(results, **tables):
    return replace(results, detail={**results.detail, **tables})


def main_part(frame, one):
    return frame[frame["outcome"].isin(main_ids(one))]


def test_counts_are_those_of_the_deciding_rows(plan, results, provenance):
    lot = results.detail["lot_effects"].copy()
    lot["p"] = [
        0.04 if m == "studentised" and not a else 0.001 for m, a in zip(lot["method"], lot["adjusted"], strict=True)
    ]
    last = lot["outcome"] == plan.outcomes[0].id
    lot.loc[last & (lot["method"] == "studentised") & ~lot["adjusted"], "p"] = 0.051
    one = edition("en", plan, changed(results, lot_effects=lot), provenance)
    values = evidence_values(one)
    n = len(main_ids(one))
    assert values["n_lot"] == n
    assert values["lot_significant"] == n - 1
    assert set(lot_rows(one)) == set(main_ids(one))
    iv = main_part(results.detail["instrument_effects"], one)
    first = iv[iv["method"].str.contains("2SLS, CR2")].set_index("outcome")
    whole = results.detail["source_agreement"].set_index("outcome").loc[first.index]
    assert values["iv_significant"] == (first["p"] < 0.05).sum()
    assert values["iv_same"] == (first["estimate"] * whole["estimate"] > 0).sum()
    assert values["disagree"] == (whole["p_agree"] < 0.05).sum()
    assert values["received_first"] == "96\xa0% (24\xa0of\xa025)"
    assert values["n_window"] == "41"
    assert values["p_min"] == ".03"


def test_the_weight_quoted_is_the_median_over_outcomes(editions, results):
    one = editions["en"]
    sources = main_part(results.detail["control_sources"], one)
    middle = sources[sources["source"] == "lot window"]["weight"].median()
    assert evidence_values(one)["weight_lot_window"] == one.numbers.percent(middle)
    assert len(source_weights(one, "no free place")) == len(main_ids(one))


@pytest.mark.parametrize("language", ["en", "da"])
def test_every_table_has_a_line_for_each_row_of_the_main_wave(editions, results, language):
    one = editions[language]
    section = design_evidence(one)
    tables = [*section.tables, *(t for f in section.folds for t in f.tables)]
    assert len(section.folds) == 4
    assert len(tables) == 10
    for shown in tables:
        frame = results.detail[shown.source]
        rows = main_part(frame, one) if "outcome" in frame else frame
        expected = rows["column"].nunique() if shown.source == "source_balance" else len(rows)
        assert len(shown.lines) == expected
        assert all(len(line.cells) == len(shown.columns) for line in shown.lines)


def test_remarks_are_danish_in_the_danish_report(editions):
    section = design_evidence(editions["da"])
    cells = [c for f in section.folds for t in f.tables for line in t.lines for c in line.cells]
    assert not [c.text for c in cells if c.lang == "en" and c.text]
    assert any("kan ikke forudsiges" in c.text for c in cells)


def test_a_set_of_two_half_lines_says_what_it_leaves_out(plan, results, provenance):
    iv = results.detail["instrument_effects"].copy()
    sets = iv["shape"] != ""
    iv.loc[sets, ["shape", "gap_low", "gap_high"]] = ["two half-lines", -1.5, 0.25]
    one = edition("en", plan, changed(results, instrument_effects=iv), provenance)
    fold = next(f for f in design_evidence(one).folds if f.id == "evidence-instrument")
    shown = [line.cells[1].text for line in fold.tables[-1].lines]
    assert sum("everything except \N{MINUS SIGN}1.50 to 0.25" in text for text in shown) == len(main_ids(one))


def test_without_a_lot_the_section_says_so_and_the_rest_stands(plan, results, provenance):
    empty = {name: results.detail[name].iloc[:0] for name in ("lot_effects", "lot_receipt")}
    one = edition("en", plan, changed(results, **empty), provenance)
    section = design_evidence(one)
    assert section.finding[0].startswith("The lot alone could not be tested")
    assert "evidence-lot" not in {f.id for f in section.folds}
    assert not any("nan" in text.lower().split() for text in (*section.finding, *section.sure))


def test_without_rows_section_and_figures_are_absent(plan, results, provenance):
    for detail in ({}, {name: pd.DataFrame() for name in results.detail}):
        one = edition("da", plan, replace(results, detail=detail), provenance)
        assert design_evidence(one).tables == ()
        with house_style():
            assert isinstance(evidence(one), Absent)
            assert isinstance(evidence_weights(one), Absent)
