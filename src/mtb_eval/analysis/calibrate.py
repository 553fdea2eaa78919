"""The truth of the shipped synthetic study: effects and shifts under which it shows what was published.

Nothing is edited in the data and no seed is searched. Each parameter is found by bisection with common random
numbers: the same families are drawn again under other parameters until the study's own analyses give the published
mean, or a p-value in the middle of the published tier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mtb_eval.analysis.calibration_targets import (
    Target,
    composite_targets,
    difference_targets,
    effect_targets,
    shift_targets,
)
from mtb_eval.analysis.care_effect import replica_design
from mtb_eval.analysis.effect_table import effect_table
from mtb_eval.analysis.effects import Progress, silent
from mtb_eval.analysis.interaction import change, difference_rows
from mtb_eval.analysis.model_data import model_data
from mtb_eval.analysis.true_effects import true_effects
from mtb_eval.data.families import Study
from mtb_eval.data.synthetic import (
    TRUTH,
    ScaleTruth,
    Truth,
    filled_at_once,
    refuse_other_files,
    rescored,
    save_truth,
    simulate_study,
    start_truth,
    study_from_raw,
    write_study,
)
from mtb_eval.inference.kenward_roger import kenward_roger
from mtb_eval.inference.mixed import fit_mixed
from mtb_eval.study import Plan

WIDEST = 2.0  # standard deviations: no effect or shift is sought beyond
HALVINGS = 13
DIGITS = 4
ATTEMPTS = 3


class CalibrationError(ValueError):
    """No parameter within bounds gives what was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A study drawn again and again from one seed: the families stay, their answers move with the truth."""

    plan: Plan
    study: Study
    progress: Progress

    def under(self, truth: Truth) -> Study:
        """Return the study under a truth that differs in effects and shifts only."""
        roles = ("questionnaire", "ratings")
        raw = simulate_study(self.plan, truth, np.random.default_rng(truth.seed), roles=roles)
        return replace(self.study, families=rescored(self.study.families, raw, self.plan))


def make_synthetic(
    plan: Plan,
    folder: str | Path,
    *,
    seed: int | None = None,
    progress: Progress | None = None,
    start: Truth | None = None,
) -> Truth:
    """Calibrate a truth, write the synthetic study it gives to `folder` with truth.toml beside it, and return it.

    `start` gives the seed and the parameters that are not calibrated (default: those for Minding the Baby, or general
    ones for another plan). The same arguments give the same bytes. Raises CalibrationError if a published statement
    cannot be met, SyntheticError before any work if the folder holds other files; it is filled at once at the end.
    """
    refuse_other_files(Path(folder))
    begun = start or start_truth(plan)
    begun = begun if seed is None else replace(begun, seed=seed)
    truth = calibrate(plan, begun, progress=progress or silent)
    raw = simulate_study(plan, truth, np.random.default_rng(truth.seed))
    with filled_at_once(Path(folder)) as beside:
        write_study(raw, plan, beside)
        save_truth(truth, beside / TRUTH)
    return truth


def calibrate(plan: Plan, truth: Truth, *, progress: Progress = silent) -> Truth:
    """Return the truth with effects and shifts under which its study shows the plan's claims; deterministic.

    First levels and changes that both arms share, then effects by outcome, then scores composed of others; repeated
    until all hold. Raises CalibrationError with the number of statements that cannot be met.
    """
    raw = simulate_study(plan, truth, np.random.default_rng(truth.seed))
    bench = Bench(plan=plan, study=study_from_raw(raw, plan), progress=progress)
    stages = (shift_targets(plan), effect_targets(plan), composite_targets(plan), difference_targets(plan))
    for attempt in range(ATTEMPTS):
        for targets in stages:
            missed = _missed(bench, truth, targets)
            truth = _solved(bench, truth, [t for t in targets if t in missed or (t.always and not attempt)])
        missed = _missed(bench, truth, [t for targets in stages for t in targets])
        if not missed:
            progress("true effects")
            truth = replace(truth, implied=true_effects(plan, truth))
            return replace(truth, notes=(*truth.notes, *_notes(bench, truth)))
    names = ", ".join(sorted({t.of for t in missed}))
    raise CalibrationError(f"calibration: {len(missed)} published statements are not met ({names}); change the start")


def readings(study: Study, plan: Plan, targets: Sequence[Target]) -> list[float]:
    """Return what each target reads from a study."""
    wanted = {t.reads for t in targets}
    known = {("change", c): z for c, z in _changes(study, plan)} if "change" in wanted else {}
    known |= {("difference", o): z for o, z in _differences(study, plan)} if "difference" in wanted else {}
    return [known[t.reads, t.of] if (t.reads, t.of) in known else _reading(study, plan, t) for t in targets]


def _solved(bench: Bench, truth: Truth, targets: Sequence[Target]) -> Truth:
    """Return the truth with each target's parameter found by bisection, all at once: they do not share answers.

    Answers are whole numbers, so readings move in steps: the parameter kept is the one that came nearest to the aim.
    """
    now = readings(bench.under(truth), bench.plan, targets)
    aims = np.array([_aim(t, r) for t, r in zip(targets, now, strict=True)])
    low, high = np.full(len(targets), -WIDEST), np.full(len(targets), WIDEST)
    best, gap = np.zeros(len(targets)), np.full(len(targets), np.inf)
    for step in range(HALVINGS if targets else 0):
        bench.progress(f"bisection {step + 1} of {HALVINGS}, {len(targets)} parameters")
        middle = np.round((low + high) / 2, DIGITS)
        read = np.array(readings(bench.under(_moved(truth, targets, middle)), bench.plan, targets))
        best, gap = np.where(np.abs(read - aims) < gap, middle, best), np.minimum(gap, np.abs(read - aims))
        low, high = np.where(read < aims, middle, low), np.where(read < aims, high, middle)
    return _moved(truth, targets, best)


def _aim(target: Target, reading: float) -> float:
    """Return the aim; where nothing is to show, that of the sign that chance has given."""
    both_signs = not target.always and target.low == -target.high
    return float(np.copysign(target.aim, reading)) if both_signs else target.aim


def _moved(truth: Truth, targets: Sequence[Target], values: NDArray[np.float64]) -> Truth:
    effects, scales = dict(truth.effects), dict(truth.scales)
    for target, value in zip(targets, values, strict=True):
        for name in target.moves:
            if target.wave is None:
                effects[name] = float(value)
            else:
                own = scales.get(name, ScaleTruth())
                scales[name] = replace(own, shift={**own.shift, target.wave: float(value)})
    return replace(truth, effects=effects, scales=scales)


def _missed(bench: Bench, truth: Truth, targets: Sequence[Target]) -> list[Target]:
    read = readings(bench.under(truth), bench.plan, targets)
    return [t for t, r in zip(targets, read, strict=True) if not t.low <= r <= t.high]


def _notes(bench: Bench, truth: Truth) -> list[str]:
    """Return a note on outcomes whose true effect is zero, without a published verdict, where chance shows one."""
    plan, study = bench.plan, bench.under(truth)
    limit = stats.norm.isf(plan.verdicts.tendency / 2)
    none = [name for name, implied in truth.implied.items() if implied.effect == 0]
    found = [name for name in none if abs(_reading(study, plan, _deviate_of(name))) >= limit]
    rule = (
        f"By chance p < {plan.verdicts.tendency:g} in the replica, the true effect being zero and no verdict published"
    )
    return [f"{rule}: {', '.join(found)}."] if found else []


def _reading(study: Study, plan: Plan, target: Target) -> float:
    families = study.families
    if target.reads == "mean":
        arms = {"all": families, "mtb": families[families["mtb"] == 1], "control": families[families["mtb"] == 0]}
        return float(arms[target.arm][target.of].mean())
    design = replica_design(model_data(study, plan, plan.outcome(target.of)))
    e = kenward_roger(fit_mixed(design.cross), design.contrast)
    return float(e.estimate) if target.reads == "estimate" else _deviate(float(e.p), float(e.estimate))


def _changes(study: Study, plan: Plan) -> Iterator[tuple[str, float]]:
    table = change(study, plan)
    for row in table[table["arm"] == "mtb"].to_dict("records"):
        yield str(row["column"]), _deviate(float(row["p"]), float(row["estimate"]))


def _differences(study: Study, plan: Plan) -> Iterator[tuple[str, float]]:
    for row in effect_table(difference_rows(study, plan)).to_dict("records"):
        yield str(row["outcome"]), _deviate(float(row["p"]), float(row["estimate"]))


def _deviate_of(outcome: str) -> Target:
    return Target(moves=(outcome,), reads="deviate", of=outcome, aim=0.0, low=-np.inf, high=np.inf)


def _deviate(p: float, estimate: float) -> float:
    """Return the normal deviate with a two-sided p and the sign of an estimate."""
    return float(np.copysign(stats.norm.isf(max(p, 1e-12) / 2), estimate))
