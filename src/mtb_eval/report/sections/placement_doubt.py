"""Folded details on placements: how few families the finding rests on, later counts, and competing events."""

from __future__ import annotations

from mtb_eval.report.cells import columns, count, figure, interval, p, percent, word
from mtb_eval.report.document import Cell, Fold, Line, Table, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.placement_values import (
    change_values,
    followed,
    later_rows,
    later_values,
    result_of,
    source_rows,
)
from mtb_eval.report.rows import Row, known, number, text
from mtb_eval.report.sections.design_evidence_cells import remark

CHANGES = "changed mtb_placed control_placed ratio p"
CHANCES = "p_significant p_tendency p_opposite p_neither"
STEPS = "age_months at_risk n_events cumulative interval"
BOUNDS = "bounds interval"


def changes_fold(edition: Edition) -> Fold:
    """Return what few families of another status, wrong registration or an unmeasured cause would make of it."""
    values = change_values(edition)
    made = (_fewest(edition), _changes(edition), _bounds(edition))
    return Fold(
        id="placement-changes",
        title=edition.say("pchanges.heading"),
        paragraphs=tuple(edition.say(f"pchanges.{k}", **values) for k in _said(edition)),
        tables=tuple(t for table in made for t in filled(table)),
    )


def _said(edition: Edition) -> list[str]:
    """Return the keys of the sentences that there are numbers for."""
    rows = [r for r in source_rows(edition, "placement_fragility") if known(r, "p_before")]
    moves = ["finding" if any(known(r, "changed") for r in rows) else "finding_none"] if rows else []
    registered = ["registered"] if number(result_of(edition, "relative-registration"), "estimate") > 0 else []
    confounder = result_of(edition, "e-value")
    infinite = ["e_none"] if "finite" in text(confounder, "warning") else []
    return [*moves, *registered, *(["e"] if known(confounder, "estimate") else infinite)]


def later_fold(edition: Edition) -> Fold:
    """Return the chances that a later count would come to which verdict."""
    values, rule, rows = later_values(edition), edition.plan.placements_detail, later_rows(edition)
    said = [edition.say("plater.finding", **values)] if rows else []
    if any(followed(r) for r in rows):
        said.append(edition.say("plater.finding_longer", **values))
    if rule and rows:
        shares = {"registered": rule.registered_prior, "confirmed": rule.confirmed_prior}
        means = {k: edition.numbers.percent(prior[0] / sum(prior)) for k, prior in shares.items()}
        said.append(edition.say("plater.sure", **means))
    return Fold(
        id="placement-later",
        title=edition.say("plater.heading"),
        paragraphs=tuple(said),
        tables=filled(_later(edition)),
    )


def incidence_fold(edition: Edition) -> Fold:
    """Return the cumulative incidence of placement where moving and death end the following."""
    gap, numbers, rule = result_of(edition, "incidence-difference"), edition.numbers, edition.plan.placements
    shares = {
        f"placed_{arm}": numbers.percent(number(result_of(edition, f"incidence-{arm}"), "estimate"), 1)
        for arm in ("mtb", "control")
    }
    values = {
        **shares,
        "months": rule.months if rule else "",
        "gap": numbers.fixed(100 * number(gap, "estimate"), 1),
        "gap_interval": numbers.interval(100 * number(gap, "ci_low"), 100 * number(gap, "ci_high"), 1),
        "gap_p": numbers.equation(number(gap, "p")),
    }
    said = ("pincidence.text", "pincidence.finding") if known(gap, "estimate") else ()
    return Fold(
        id="placement-incidence",
        title=edition.say("pincidence.heading"),
        paragraphs=tuple(edition.say(k, **values) for k in said),
        tables=filled(_steps(edition)),
    )


def _fewest(edition: Edition) -> Table:
    return Table(
        id="placement-fewest",
        caption=edition.say("pchanges.fewest"),
        columns=columns(edition, "arm", "change", "changed", numeric="changed"),
        lines=tuple(_fewest_line(edition, r) for r in source_rows(edition, "placement_fragility")),
        note=edition.say("pchanges.fewest_note"),
        source="placement_fragility",
    )


def _fewest_line(edition: Edition, row: Row) -> Line:
    way = "more" if text(row, "change").startswith("more") else "fewer"
    n = count(edition, row, "changed") if known(row, "changed") else Cell(text=edition.say("word.none"))
    return Line(cells=(word(edition.arm(text(row, "arm"))), word(edition.say(f"pchanges.{way}")), n))


def _changes(edition: Edition) -> Table:
    return Table(
        id="placement-changes-table",
        caption=edition.say("pchanges.table"),
        columns=columns(edition, "change_made", *CHANGES.split(), "verdict", numeric=CHANGES),
        lines=tuple(_change_line(edition, r) for r in source_rows(edition, "placement_changes")),
        note=edition.say("pchanges.note"),
        source="placement_changes",
    )


def _change_line(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(edition.named("pchange", text(row, "change").replace(" ", "-"))),
            count(edition, row, "changed"),
            count(edition, row, "n_mtb_events"),
            count(edition, row, "n_control_events"),
            figure(edition, number(row, "risk_ratio"), 1),
            p(edition, number(row, "p_fisher")),
            word(edition.named("verdict", text(row, "tier").replace(" ", "-"))),
        )
    )


def _bounds(edition: Edition) -> Table:
    lines = [_bounds_line(edition, code) for code in ("bound", "bound-moved") if result_of(edition, f"{code}-lower")]
    return Table(
        id="placement-bounds",
        caption=edition.say("pbounds.table"),
        columns=columns(edition, "unknown", *BOUNDS.split(), "remark", numeric=BOUNDS),
        lines=tuple(lines),
        note=edition.say("pbounds.note"),
        source="placement_tests",
    )


def _bounds_line(edition: Edition, code: str) -> Line:
    low, high = (result_of(edition, f"{code}-{end}") for end in ("lower", "upper"))
    return Line(
        cells=(
            word(edition.say(f"pbounds.{code}")),
            interval(edition, 100 * number(low, "estimate"), 100 * number(high, "estimate"), 1),
            interval(edition, 100 * number(low, "ci_low"), 100 * number(high, "ci_high"), 1),
            remark(edition, low),
        )
    )


def _later(edition: Edition) -> Table:
    return Table(
        id="placement-later-table",
        caption=edition.say("plater.table"),
        columns=columns(edition, "scenario", "test", *CHANCES.split(), numeric=CHANCES),
        lines=tuple(_later_line(edition, r) for r in later_rows(edition)),
        note=edition.say("plater.note"),
        source="placement_confirmation",
    )


def _later_line(edition: Edition, row: Row) -> Line:
    rule = edition.plan.placements_detail
    scenario = "followed" if followed(row) else text(row, "scenario").replace(" ", "-")
    shown = edition.named("pscenario", scenario, follow_to=rule.follow_to_months if rule else "")
    risks = edition.named("prisks", text(row, "risks").replace(" ", "-"))
    chances = (c.removeprefix("p_") for c in CHANCES.split())
    return Line(
        cells=(
            word(shown, under=risks),
            word(edition.named("ptest", text(row, "test").lower())),
            *(percent(edition, number(row, c)) for c in chances),
        )
    )


def _steps(edition: Edition) -> Table:
    return Table(
        id="placement-incidence-table",
        caption=edition.say("pincidence.table"),
        columns=columns(edition, "arm", "event", *STEPS.split(), numeric=STEPS),
        lines=tuple(_step_line(edition, r) for r in _happened(edition)),
        note=edition.say("pincidence.note"),
        source="placement_incidence",
    )


def _happened(edition: Edition) -> list[Row]:
    """Return the steps at which something happened; where it is known that nothing did, the start."""
    found: list[Row] = []
    rows = source_rows(edition, "placement_incidence")
    for curve in dict.fromkeys((text(r, "arm"), text(r, "cause")) for r in rows):
        here = [r for r in rows if (text(r, "arm"), text(r, "cause")) == curve]
        happened = [r for r in here if number(r, "events") > 0]
        nothing = len(here) > 1 and all(number(r, "events") == 0 for r in here)
        found += happened or (here[:1] if nothing else [])
    return found


def _step_line(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            word(edition.arm(text(row, "arm"))),
            word(edition.named("pcause", text(row, "cause").replace(" ", "-"))),
            figure(edition, number(row, "months"), 1),
            count(edition, row, "at_risk"),
            count(edition, row, "events"),
            percent(edition, number(row, "cumulative"), 1),
            interval(edition, 100 * number(row, "ci_low"), 100 * number(row, "ci_high"), 1),
        )
    )
