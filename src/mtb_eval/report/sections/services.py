"""What the controls had, from when and how intensive, beside the visits of the programme."""

from __future__ import annotations

from mtb_eval.analysis.usual_care import ANY, VISITS
from mtb_eval.report.cells import columns, count, figure, interval, percent, share, word
from mtb_eval.report.document import Cell, Fold, Line, Section, Table, absent, filled
from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, first, known, number, text
from mtb_eval.report.sections.design_evidence_cells import remark
from mtb_eval.report.service_values import contact_series, monthly_known, service_values, total_row

TYPES = "share before_birth after_birth began lasted monthly"
TOTALS = "contacts_mean contacts_median quartiles interval n"
MONTHS = "families contacts_month any_contact"


def services(edition: Edition) -> Section:
    """Return the section on usual care and services."""
    title = edition.say("services.title")
    if not contact_series(edition) and not edition.rows("service_registered"):
        return absent("services", title, edition.say("absent.contacts"))
    values = service_values(edition)
    folds = (_totals_fold(edition), _months_fold(edition))
    return Section(
        id="services",
        title=title,
        finding=tuple(edition.say(f"services.{k}", **values) for k in _said(edition)),
        figures=("contacts",),
        tables=filled(_types(edition)),
        sure=tuple(edition.say(f"services.{k}", **values) for k in _doubts(edition)),
        folds=tuple(f for f in folds if f.tables),
    )


def _said(edition: Edition) -> list[str]:
    """Return the keys of the sentences that there are numbers for."""
    compared = known(total_row(edition, "difference"), "estimate", "ci_low")
    keys = ["finding"] if compared else ["finding_unknown"]
    if compared and monthly_known(edition):
        keys.append("finding_months")
    served = first(edition.rows("service_types"), arm="control", service=ANY)
    return [*keys, "finding_start"] if known(served, "start_median", "months_median") else keys


def _doubts(edition: Edition) -> tuple[str, ...]:
    known_ones = first(edition.rows("service_registered"), arm="control")
    return ("sure_method", "sure_wrong") if known(known_ones, "n") else ("sure_method",)


def _types(edition: Edition) -> Table:
    rows = [r for r in edition.rows("service_types") if known(r, "n_families")]
    marked = any(_remark(edition, r) for r in rows)
    last = ("remark",) if marked else ()
    arms = len({text(r, "arm") for r in rows}) > 1
    return Table(
        id="services-table",
        caption=edition.say("services.table"),
        columns=columns(edition, "service", *TYPES.split(), *last, numeric=TYPES),
        lines=tuple(_type_line(edition, r, arms=arms, marked=marked) for r in rows),
        note=edition.say("services.note"),
        source="service_types",
    )


def _type_line(edition: Edition, row: Row, *, arms: bool, marked: bool) -> Line:
    arm, service = text(row, "arm"), text(row, "service")
    of = number(first(edition.rows("service_registered"), arm=arm), "registered")
    named = edition.say("services.any") if service == ANY else edition.named("service", service)
    cells = (
        word(named, under=edition.arm(arm) if arms else ""),
        share(edition, number(row, "n_families"), of),
        count(edition, row, "n_before_birth"),
        count(edition, row, "n_after_birth"),
        *(_quartiles(edition, row, what) for what in ("start", "months", "contacts")),
    )
    return Line(cells=(*cells, word(_remark(edition, row))) if marked else cells)


def _quartiles(edition: Edition, row: Row, what: str) -> Cell:
    """Return a cell of a median with the middle half below it."""
    middle, low, high = (number(row, f"{what}_{q}") for q in ("median", "q25", "q75"))
    shown = edition.numbers.interval(low, high, 1) if known(row, f"{what}_q25", f"{what}_q75") else ""
    sort = middle if known(row, f"{what}_median") else None
    return Cell(text=edition.numbers.fixed(middle, 1), sort=sort, under=shown)


def _remark(edition: Edition, row: Row) -> str:
    counts = (("open", number(row, "n_open")), ("unknown", number(row, "n_contacts_unknown")))
    return "; ".join(edition.say(f"services.{k}", n=edition.numbers.count(n)) for k, n in counts if n > 0)


def _totals_fold(edition: Edition) -> Fold:
    rows = edition.rows("service_totals")
    last = ("remark",) if any(remark(edition, r).text for r in rows) else ()
    values = service_values(edition)
    table = Table(
        id="service-totals",
        caption=edition.say("services.totals", **values),
        columns=columns(edition, "arm", *TOTALS.split(), *last, numeric=TOTALS),
        lines=tuple(_total_line(edition, r, marked=bool(last)) for r in rows),
        note=edition.say("services.totals_note"),
        source="service_totals",
    )
    return Fold(id="service-totals-fold", title=edition.say("services.totals", **values), tables=filled(table))


def _total_line(edition: Edition, row: Row, *, marked: bool) -> Line:
    arm = text(row, "arm")
    named = edition.say("services.difference") if arm == "difference" else edition.arm(arm)
    n = [number(row, c) for c in ("n_mtb", "n_control") if known(row, c)]
    cells = (
        word(named),
        figure(edition, number(row, "estimate"), 1),
        figure(edition, number(row, "median"), 0),
        interval(edition, number(row, "q25"), number(row, "q75"), 0, null=-1.0),
        interval(edition, number(row, "ci_low"), number(row, "ci_high"), 1),
        Cell(text=" + ".join(edition.numbers.count(k) for k in n)),
    )
    return Line(cells=(*cells, remark(edition, row)) if marked else cells)


def _months_fold(edition: Edition) -> Fold:
    tables = [_months(edition, arm, kind, rows) for arm, kind, rows in contact_series(edition)]
    return Fold(
        id="service-months",
        title=edition.say("services.months"),
        paragraphs=(edition.say("services.months_text"),),
        tables=tuple(tables),
    )


def _months(edition: Edition, arm: str, kind: str, rows: list[Row]) -> Table:
    name = "visits" if kind == VISITS else "services"
    return Table(
        id=f"service-months-{arm}-{name}",
        caption=edition.say(f"services.months_{name}", arm=edition.arm(arm)),
        columns=columns(edition, "age_months", *MONTHS.split(), numeric=f"age_months {MONTHS}"),
        lines=tuple(_month_line(edition, r) for r in rows),
        source="service_intensity",
    )


def _month_line(edition: Edition, row: Row) -> Line:
    return Line(
        cells=(
            interval(edition, number(row, "months_from"), number(row, "months_to"), 0),
            count(edition, row, "n"),
            figure(edition, number(row, "contacts"), 1),
            percent(edition, number(row, "share_any")),
        )
    )
