"""A truth against a plan: every name declared, every count possible."""

from __future__ import annotations

from collections.abc import Iterator

from mtb_eval.data.synthetic.latent import home_scales
from mtb_eval.data.synthetic.truth import ByArm, Truth
from mtb_eval.study import Plan

PREDICTORS = ("family", "mother_age", "education")


def refuse_unknown(plan: Plan, truth: Truth) -> None:
    """Raise ValueError if a truth names what the plan does not declare, or counts more families than there are."""
    problems = [*_names(plan, truth), *_counts(truth)]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(f"synthetic study: {problems[0]}{more}")


def _names(plan: Plan, truth: Truth) -> Iterator[str]:
    scales = {s.id for i in plan.instruments.values() for s in i.scales}
    asked = [i for s in plan.sources if s.wave in (plan.waves[0].id, None) for i in s.instruments]
    first = {s.id for i in asked for s in home_scales(plan.instruments[i]).values()}
    declared = {
        "effects": {o.id for o in plan.outcomes},
        "answered": {w.id for w in plan.waves},
        "filmed": {w.id for w in plan.waves},
        "municipality_share": {m.code for m in plan.municipalities},
        "scales": scales,
        "factors": set(plan.instruments),
        "questions": {c.name for s in plan.sources for c in s.columns},
        **dict.fromkeys(("attrition", "participation", "placement"), first | set(PREDICTORS)),
    }
    for table, known in declared.items():
        unknown = sorted(set(getattr(truth, table)) - known)
        if unknown:
            yield f"{table} of the truth names {unknown[0]!r}, which the plan does not declare"


def _counts(truth: Truth) -> Iterator[str]:
    by_arm = {"placed": truth.placed}
    by_arm |= {f"answered at {w}": c for w, c in truth.answered.items()}
    by_arm |= {f"filmed at {w}": c for w, c in truth.filmed.items()}
    care = truth.care
    by_arm["usual care"] = ByArm(mtb=0, control=care.unregistered + care.without_service + care.after_birth)
    by_arm["course"] = ByArm(mtb=max(truth.n_retained or 0, truth.n_at_threshold or 0), control=truth.n_left_control)
    for what, count in by_arm.items():
        if not (0 <= count.mtb <= truth.n_mtb and 0 <= count.control <= truth.n_control):
            yield f"{what} of the truth counts more families than there are, or fewer than none"
