"""Read a study description from its folder and check every reference in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mtb_eval.study.checklist import read_checklist
from mtb_eval.study.claims import read_claims
from mtb_eval.study.danish import read_danish
from mtb_eval.study.deviations import read_deviations
from mtb_eval.study.instruments import read_instruments
from mtb_eval.study.plan import Plan
from mtb_eval.study.sources import Source
from mtb_eval.study.tables import PlanError, build, build_all, read_only, read_toml, unique

DEFAULT_PLAN = Path(__file__).parent
ELSEWHERE = {"variables", "sources", "instruments", "claims", "checklist", "deviations", "danish"}
"""What a plan holds that files other than plan.toml declare."""


def load_plan(folder: str | Path | None = None) -> Plan:
    """Return the plan declared in `folder` (default: Minding the Baby).

    The folder holds plan.toml, sources.toml, instruments/*.toml and, where there is something to declare, claims.csv
    (published statements), deviations.toml (where the evaluation does otherwise), checklist.toml (for reporting) and
    danish.toml (the sources of declarations in Danish).
    Raises PlanError with file, table and key where something is unknown, missing, repeated or refers to nothing.
    """
    root = DEFAULT_PLAN if folder is None else Path(folder)
    if not root.is_dir():
        raise PlanError(f"study description: {root} is not a folder")
    tables = read_toml(root / "plan.toml")
    elsewhere = sorted(ELSEWHERE & set(tables))
    if elsewhere:
        raise PlanError(f"plan.toml: {elsewhere[0]!r} belongs in a file of its own beside it; move it there")
    files = read_only(root / "sources.toml", "sources", "variables")
    plan = build(Plan, {**tables, "variables": files.get("variables", [])}, "plan.toml")
    sources = build_all(Source, files.get("sources", []), "sources.toml")
    full = plan.with_files(
        instruments=read_instruments(root / "instruments"),
        sources=sources,
        claims=read_claims(root / "claims.csv"),
    )
    checklist, deviations = read_checklist(root / "checklist.toml"), read_deviations(root / "deviations.toml")
    full = replace(full, checklist=checklist, deviations=deviations, danish=read_danish(root / "danish.toml"))
    return _checked(full)


def _checked(plan: Plan) -> Plan:
    for what, ids in _ids(plan):
        unique(ids, what)
    problems = list(_dangling(plan))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise PlanError(f"plan: {problems[0]}{more}")
    return plan


def _ids(plan: Plan) -> Iterator[tuple[str, list[str]]]:
    yield "arms", [a.id for a in plan.arms]
    yield "waves", [w.id for w in plan.waves]
    yield "municipalities", [m.code for m in plan.municipalities]
    yield "outcomes", [o.id for o in plan.outcomes]
    yield "sources", [s.id for s in plan.sources]
    yield "outcome columns", [o.variable + (o.population or "") for o in plan.outcomes]
    for s in plan.sources:
        yield f"columns and scores of source {s.id}", [c.name for c in s.columns] + _scores(plan, s)


def _dangling(plan: Plan) -> Iterator[str]:
    """Yield one sentence for each reference that points at nothing."""
    if {a.id for a in plan.arms} != {"mtb", "control"}:
        yield "exactly the arms mtb and control must be declared"
    if len(plan.municipalities) < 2:
        yield "at least two municipalities must be declared"
    columns, waves = set(family_columns(plan)), {w.id for w in plan.waves}
    yield from _dangling_sources(plan, waves)
    yield from _dangling_outcomes(plan, columns, waves)
    for covariate in (*plan.covariates, *plan.baseline_table):
        if covariate.column not in columns:
            yield f"covariate {covariate.column!r} is no column that the sources give"
    yield from _dangling_rules(plan, columns)
    for population in plan.populations:
        if population.column not in columns:
            yield f"population {population.id!r} uses column {population.column!r}, which the sources do not give"


def _dangling_outcomes(plan: Plan, columns: set[str], waves: set[str]) -> Iterator[str]:
    families, populations = {f.id for f in plan.families}, {p.id for p in plan.populations}
    for o in plan.outcomes:
        if o.family not in families:
            yield f"outcome {o.id!r}: family {o.family!r} is not declared"
        if o.wave not in waves:
            yield f"outcome {o.id!r}: wave {o.wave!r} is not declared"
        if o.variable not in columns:
            yield f"outcome {o.id!r}: column {o.variable!r} is given by no source, instrument or variable"
        if o.population and o.population not in populations:
            yield f"outcome {o.id!r}: population {o.population!r} is not declared"
        for needed in (*(o.covariates or ()), *((o.baseline,) if o.baseline else ())):
            if needed not in columns:
                yield f"outcome {o.id!r}: {needed!r} is no column that the sources give"
    for family in plan.dose.families if plan.dose else ():
        if family not in families:
            yield f"dose: family {family!r} is not declared"
    if plan.lot and not 0 < plan.lot.n_first < sum(m.randomised for m in plan.municipalities):
        yield "lot: n_first must lie between 0 and the number of municipalities that were drawn by lot"
    if plan.placements and plan.placements.outcome not in {o.id for o in plan.outcomes}:
        yield f"placements: outcome {plan.placements.outcome!r} is not declared"


def _dangling_rules(plan: Plan, columns: set[str]) -> Iterator[str]:
    detail, economy = plan.placements_detail, plan.economy
    if not 0 < plan.level < 1:
        yield f"level {plan.level:g} must lie between 0 and 1, such as 0.95"
    if plan.calendar_df < 0:
        yield f"calendar_df {plan.calendar_df} must be 0 or more"
    if not 0 < plan.verdicts.significant <= plan.verdicts.tendency < 1:
        yield "verdicts: significant and tendency must lie between 0 and 1, significant not above tendency"
    for name in detail.covariates if detail else ():
        if name not in columns:
            yield f"placements_detail: covariate {name!r} is no column that the sources give"
    for name in ("risk_prior", "registered_prior", "confirmed_prior") if detail else ():
        prior = getattr(detail, name)
        if len(prior) != 2 or min(prior) <= 0:
            yield f"placements_detail: {name} needs two numbers above 0"
    power = plan.claim_power
    if power and (power.main not in power.effects or min(power.effects) <= 0):
        yield "claim_power: effects must be above 0, and main one of them"
    if economy and economy.outcome not in {o.id for o in plan.outcomes}:
        yield f"economy: outcome {economy.outcome!r} is not declared"


def _dangling_sources(plan: Plan, waves: set[str]) -> Iterator[str]:
    if not any(s.role == "families" for s in plan.sources):
        yield "no source with role 'families'"
    for s in plan.sources:
        if s.wave and s.wave not in waves:
            yield f"source {s.id!r}: wave {s.wave!r} is not declared"
        for instrument in s.instruments:
            if instrument not in plan.instruments:
                yield f"source {s.id!r}: instrument {instrument!r} is not declared"
        names = {c.name for c in s.columns}
        for c in s.columns:
            if c.low is not None and c.high is not None and c.low > c.high:
                yield f"source {s.id!r}: {c.name} has low {c.low:g} above high {c.high:g}"
            if c.not_before and c.not_before not in names:
                yield f"source {s.id!r}: {c.name} refers to {c.not_before!r}, which is not in the file"


def family_columns(plan: Plan) -> list[str]:
    """Return the columns that the families table will have once a study of this plan is loaded."""
    found = ["family_id", "municipality", "mtb", "n_visits", "calendar_years"]
    for s in plan.sources:
        if s.role == "families":
            found += [c.name for c in s.columns]
        if s.role in ("questionnaire", "ratings"):
            found += [f"{name}_{wave}" for wave in plan.waves_of(s) for name in _scores(plan, s)]
    found += [f"{v.id}_{w}" for v in plan.variables for w in v.waves]
    if plan.placements:
        found.append(plan.outcome(plan.placements.outcome).variable)
    return found


def _scores(plan: Plan, source: Source) -> list[str]:
    scales = [s for i in source.instruments if i in plan.instruments for s in plan.instruments[i].scales]
    return [s.id for s in scales] + [c.id for s in scales for c in s.cutoffs]
