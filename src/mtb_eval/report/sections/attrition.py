"""What missing answers could have done to the effects."""

from __future__ import annotations

from mtb_eval.report.attrition import (
    ANALYSES,
    Values,
    analysis_rows,
    attrition_values,
    excludes,
    lead_outcome,
    tested_rows,
    tipping_rows,
    tipping_values,
)
from mtb_eval.report.cells import columns, interval, p, word
from mtb_eval.report.document import Cell, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.evidence import std_interval
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.sections.attrition_folds import (
    bounds_fold,
    imputed_fold,
    response_fold,
    tipping_fold,
    without_empty_remarks,
)
from mtb_eval.report.sections.design_evidence_cells import remark


def attrition(edition: Edition) -> Section:
    """Return the section on what missing answers could have done."""
    title = edition.say("attrition.title")
    if not tested_rows(edition, "complete"):
        return absent("attrition", title, edition.say("absent.attrition"))
    values = attrition_values(edition)
    folds = (
        response_fold(edition, values),
        imputed_fold(edition),
        tipping_fold(edition),
        bounds_fold(edition, values),
    )
    return Section(
        id="attrition",
        title=title,
        finding=_finding(edition, values),
        figures=("attrition", "tipping"),
        tables=filled(_table(edition)),
        sure=tuple(
            edition.say(k, **values) for k in ("attrition.sure_method", "attrition.sure_wrong", "attrition.sure_wide")
        ),
        folds=tuple(f for f in folds if f.tables),
    )


def _finding(edition: Edition, values: Values) -> tuple[str, ...]:
    first = ["attrition.finding_response", "attrition.finding_bias"] if values["rounds"] else []
    keys = [*first, "attrition.finding_effects", *(["attrition.finding_bounds"] if values["n_bounds"] else [])]
    said = [edition.say(k, **values) for k in keys]
    outcome = lead_outcome(edition)
    if outcome:
        row = tipping_rows(edition)[outcome]
        now = "excludes" if excludes(text(row, "conclusion")) else "includes"
        reached = "" if known(row, "distance") else "_beyond"
        said.append(edition.say(f"attrition.finding_{now}{reached}", **tipping_values(edition, outcome)))
    return tuple(said)


def _table(edition: Edition) -> Table:
    rows = {a: analysis_rows(edition, a) for a in ANALYSES}
    keys = [k for a in ANALYSES for k in (f"{a}_std", f"{a}_p")]
    lines = [_line(edition, o, [rows[a].get(o, {}) for a in ANALYSES]) for o in rows["complete"]]
    last, kept = without_empty_remarks(lines)
    return Table(
        id="attrition-table",
        caption=edition.say("attrition.caption"),
        columns=columns(edition, "outcome", *keys, *last, numeric=" ".join(keys)),
        lines=kept,
        note=edition.say("attrition.note"),
        source="attrition_analyses",
        sortable=True,
    )


def _line(edition: Edition, outcome: str, rows: list[Row]) -> Line:
    cells = [c for row in rows for c in (_effect(edition, row), p(edition, number(row, "p")))]
    said = next((row for row in rows[:3] if text(row, "error") or text(row, "warning")), {})
    return Line(cells=(word(edition.outcome(outcome), href=f"#outcome-{outcome}"), *cells, remark(edition, said)))


def _effect(edition: Edition, row: Row) -> Cell:
    """Return a cell of a standardised estimate with its interval below."""
    value, low, high = std_interval(row)
    if not known(row, "standardised"):
        return Cell(text=edition.numbers.std(value))
    return Cell(text=edition.numbers.std(value), sort=value, under=interval(edition, low, high).text)
