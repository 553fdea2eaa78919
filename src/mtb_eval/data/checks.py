"""Rules across rows and files: keys, references, arms, the order of dates, and the plan's own municipalities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from mtb_eval.data.fields import row_keys
from mtb_eval.data.problems import Problem, rows
from mtb_eval.data.typed import Table
from mtb_eval.study import Column, Plan, Source

_YEARS_AROUND = 5  # dates further than this before recruitment or after the last wave are slips of the pen


def check_tables(tables: Sequence[Table], plan: Plan) -> list[Problem]:
    """Return every problem that shows only across rows or files; the families tables are the register of ids."""
    problems = [p for t in tables for p in (*_duplicates(t), *_date_order(t), *_implausible_dates(t, plan))]
    problems += [p for t in tables if t.source.role == "municipalities" for p in _other_municipalities(t, plan)]
    registers = [t for t in tables if t.source.role == "families"]
    register = pd.concat([t.frame for t in registers], ignore_index=True) if registers else pd.DataFrame()
    known = register.dropna(subset=["family_id"]) if len(register) else register
    if known.empty:
        return problems
    problems += _register(known, registers)
    families = known.drop_duplicates("family_id").set_index("family_id")
    linked = [t for t in tables if t.source.role != "families" and "family_id" in t.frame]
    return problems + [p for t in linked for p in _linked(t, families, plan)]


def _duplicates(table: Table) -> Iterator[Problem]:
    for key in row_keys(table.source):
        n = int(table.frame[list(key)].dropna().duplicated().sum())
        if n:
            in_file = [c.in_file for c in table.source.columns if c.name in key]
            message = f"{rows(n)}: a repeated {' and '.join(in_file)}, which may stand only once"
            yield Problem(file=table.file, column=", ".join(in_file), rule="duplicate", n_rows=n, message=message)


def _date_order(table: Table) -> Iterator[Problem]:
    in_file = {c.name: c.in_file for c in table.source.columns}
    for column in table.source.columns:
        if column.not_before:
            n = int((table.frame[column.name] < table.frame[column.not_before]).sum())
            message = f"{rows(n)}: earlier than {in_file[column.not_before]}"
            yield from _found(n, table, column, "date_order", message)


def _implausible_dates(table: Table, plan: Plan) -> Iterator[Problem]:
    last = max(w.months for w in plan.waves)
    first_day = pd.Timestamp(plan.recruited_from) - pd.DateOffset(years=_YEARS_AROUND)
    last_day = pd.Timestamp(plan.recruited_to) + pd.DateOffset(months=last, years=_YEARS_AROUND)
    for column in table.source.columns:
        if column.type != "date":
            continue
        recruited = table.source.role == "families" and column.name == "recruited_on"
        low, high = (plan.recruited_from, plan.recruited_to) if recruited else (first_day.date(), last_day.date())
        days = table.frame[column.name]
        n = int(((days < pd.Timestamp(low)) | (days > pd.Timestamp(high))).sum())
        what = "the plan's recruitment" if recruited else "what the plan makes possible"
        yield from _found(n, table, column, "implausible_date", f"{rows(n)}: outside {what} ({low} to {high})")


def _other_municipalities(table: Table, plan: Plan) -> Iterator[Problem]:
    planned = pd.DataFrame([{"municipality": m.code, "training_wave": float(m.training_wave),
                             "trained_on": pd.Timestamp(m.trained_on), "randomised": float(m.randomised)}
                            for m in plan.municipalities]).set_index("municipality")  # fmt: skip
    columns = {c.name: c for c in table.source.columns}
    found = table.frame.dropna(subset=["municipality"]).drop_duplicates("municipality").set_index("municipality")
    absent = len(planned.index.difference(found.index))
    if len(found):
        message = f"{absent} of the plan's municipalities not in the table"
        yield from _found(absent, table, columns["municipality"], "municipality_absent", message)
    for name in planned.columns.intersection(found.columns):
        differ = found[name].notna() & (found[name] != planned[name].reindex(found.index))
        n = int(differ.sum())
        yield from _found(n, table, columns[name], "municipality_differs", f"{rows(n)}: not as in the plan")


def _register(known: pd.DataFrame, tables: Sequence[Table]) -> Iterator[Problem]:
    file = " + ".join(t.file for t in tables)
    in_file = {c.name: c.in_file for c in tables[0].source.columns}
    arms = known.dropna(subset=["arm"]).groupby("family_id")["arm"]
    n = int((arms.transform("nunique") > 1).sum())
    if n:
        message = f"{rows(n)}: a family that stands in both arms"
        yield Problem(file=file, column=in_file["arm"], rule="both_arms", n_rows=n, message=message)
    twice = int(known["family_id"].duplicated().sum()) if len(tables) > 1 else 0
    if twice:
        message = f"{rows(twice)}: a family that stands in another file too"
        yield Problem(file=file, column=in_file["family_id"], rule="duplicate", n_rows=twice, message=message)


def _linked(table: Table, families: pd.DataFrame, plan: Plan) -> Iterator[Problem]:
    columns = {c.name: c for c in table.source.columns}
    place = families.index.get_indexer(pd.Index(table.frame["family_id"]))
    known = place >= 0
    unknown = table.frame["family_id"][~known].dropna()
    message = f"{rows(len(unknown))}: a family that is not in the register{_zeros_lost(unknown, families.index)}"
    yield from _found(len(unknown), table, columns["family_id"], "unknown_family", message)
    if table.source.role == "visits":
        n = int((known & (families["arm"] == "control").to_numpy()[place]).sum())
        message = f"{rows(n)}: a visit of the programme to a family in usual care"
        yield from _found(n, table, columns["family_id"], "visits_in_control", message)
    start = _not_before(table.source, plan)
    if start and start in families:
        starts = families[start].to_numpy()[place]
        what = "the child's birth" if start == "born_on" else "the family's recruitment"
        for column in (c for c in columns.values() if c.type == "date"):
            n = int((known & (table.frame[column.name].to_numpy() < starts)).sum())
            yield from _found(n, table, column, f"before_{start}", f"{rows(n)}: earlier than {what}")


def _not_before(source: Source, plan: Plan) -> str | None:
    """Return the register's date before which nothing of that source can have happened.

    Usual care may have begun earlier, and a first questionnaire may be filled in on the way to consent.
    """
    if source.role == "questionnaire":
        return "recruited_on" if source.wave and plan.wave(source.wave).months > 0 else None
    return {"visits": "recruited_on", "ratings": "recruited_on", "placements": "born_on"}.get(source.role)


def _zeros_lost(unknown: pd.Series, known: pd.Index) -> str:
    stripped = {str(i).lstrip("0") for i in known} - {str(i) for i in known}
    if len(unknown) and unknown.str.lstrip("0").isin(stripped).all():
        return "; they have lost leading zeros: store ids as text"
    return ""


def _found(n: int, table: Table, column: Column, rule: str, message: str) -> Iterator[Problem]:
    if n:
        yield Problem(file=table.file, column=column.in_file, rule=rule, n_rows=n, message=message)
