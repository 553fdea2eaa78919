"""How far each effect can be trusted: grades, and what they rest on."""

from __future__ import annotations

from mtb_eval.report.cells import columns, p, word
from mtb_eval.report.document import Cell, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.findings import not_counted
from mtb_eval.report.rows import Row, number, text
from mtb_eval.report.sections.trust_choices import curve_fold, time_fold
from mtb_eval.report.sections.trust_models import many_fold, models_fold
from mtb_eval.report.sections.trust_rests import alike_fold, placebo_fold, rests_fold, spread_fold
from mtb_eval.report.trust import GRADES, Values, grade_rows, graded, trust_values

CHECKS = ("cr2", "wcr31", "imputed", "lot")


def trust(edition: Edition) -> Section:
    """Return the section on how far each effect can be trusted."""
    title = edition.say("trust.title")
    if not grade_rows(edition):
        return absent("trust", title, edition.say("absent.trust"))
    values = trust_values(edition)
    folds = (
        many_fold(edition, values),
        curve_fold(edition, values),
        time_fold(edition),
        placebo_fold(edition, values),
        spread_fold(edition, values),
        alike_fold(edition, values),
        rests_fold(edition),
        models_fold(edition),
    )
    return Section(
        id="trust",
        title=title,
        finding=_finding(edition, values),
        bullets=tuple(edition.say(f"trust.finding_{k}", **values) for k in ("many", "choices", "placebo")),
        figures=("trust",),
        tables=filled(_table(edition)),
        sure=_sure(edition, values),
        folds=tuple(f for f in folds if f.tables or f.figures),
    )


def _finding(edition: Edition, values: Values) -> tuple[str, ...]:
    named = [edition.say(f"trust.{g}", items=graded(edition, g)) for g in GRADES[:2] if graded(edition, g)]
    limits = [
        *([edition.say("trust.missing", **values)] if values["n_missing"] else []),
        *([edition.say("trust.unreachable", **values)] if values["unreachable"] else []),
    ]
    hidden = not_counted(edition, values["withheld"])
    return (edition.say("trust.finding", **values), *hidden, edition.say("trust.rule", **values), *named, *limits)


def _sure(edition: Edition, values: Values) -> tuple[str, ...]:
    keys = ("trust.sure_method", "trust.sure_wrong", "trust.sure_choices")
    return (*(edition.say(k, **values) for k in keys), edition.tiers)


def _table(edition: Edition) -> Table:
    numbers = "p_cr2 p_wcr31 p_imputed p_lot passed"
    return Table(
        id="trust-table",
        caption=edition.say("trust.caption"),
        columns=columns(edition, "outcome", "grade", *numbers.split(), numeric=numbers),
        lines=tuple(_line(edition, r) for r in grade_rows(edition).values()),
        note=edition.say("trust.note"),
        source="grades",
        sortable=True,
    )


def _line(edition: Edition, row: Row) -> Line:
    outcome, grade = text(row, "outcome"), text(row, "grade")
    known = len(CHECKS) - len([m for m in text(row, "missing").split("; ") if m])
    shown = edition.named("trust", f"grade_{grade.replace(' ', '_')}") if grade else ""
    return Line(
        cells=(
            word(edition.outcome(outcome), href=f"#outcome-{outcome}", under=edition.family(text(row, "family"))),
            Cell(text=shown, sort=float(GRADES.index(grade)) if grade in GRADES else float(len(GRADES))),
            *(p(edition, number(row, f"{check}_p_adjusted")) for check in CHECKS),
            Cell(text=edition.numbers.counts(number(row, "passed"), known), sort=number(row, "passed")),
        )
    )
