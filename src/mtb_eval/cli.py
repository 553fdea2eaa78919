"""The command line; the only module that prints."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mtb_eval.arguments import parser

if TYPE_CHECKING:
    import pandas as pd

    from mtb_eval.analysis.compare import Comparison
    from mtb_eval.data import Study
    from mtb_eval.study import Plan


DIFFERENT, UNUSABLE, FAILED = 1, 2, 3
FAULT, STOPPED, BROKEN_PIPE = 70, 130, 141
UNTOUCHED = "stopped; nothing already written was touched"
TRACEBACK = "MTB_EVAL_TRACEBACK"
USER_ERRORS = (
    ("mtb_eval.analysis.calibrate", "CalibrationError"),
    ("mtb_eval.analysis.compare", "CompareError"),
    ("mtb_eval.analysis.fit_table", "FitError"),
    ("mtb_eval.data.problems", "DataError"),
    ("mtb_eval.data.raw", "UnreadableError"),
    ("mtb_eval.data.stream", "StreamError"),
    ("mtb_eval.data.synthetic.folder", "SyntheticError"),
    ("mtb_eval.report.folder", "ReportError"),
    ("mtb_eval.report.typeset", "TypesetError"),
    ("mtb_eval.study.tables", "PlanError"),
)
"""Where each error lives whose words are for the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before numpy: faster on small matrices, and sums that always agree
    arguments = parser().parse_args(argv)
    try:
        code = COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(UNTOUCHED, file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # who read the output has what they wanted, as in `| head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # else Python flushes into the pipe again
        return BROKEN_PIPE
    except Exception as problem:
        if _interrupted(problem):
            print(UNTOUCHED, file=sys.stderr)
            return STOPPED
        code, said = _told(problem)
        print(f"error: {said}", file=sys.stderr)
    return code


def _interrupted(problem: BaseException | None) -> bool:
    """Return whether an interrupt is behind an error: C code that is being imported may turn it into one."""
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__cause__ or problem.__context__
    return problem is not None


def _told(problem: Exception) -> tuple[int, str]:
    """Return the exit code and the sentence for what stopped a command."""
    if isinstance(problem, _user_errors()):
        return UNUSABLE, str(problem)
    if isinstance(problem, BrokenProcessPool):
        return UNUSABLE, "a worker process was stopped, perhaps for want of memory; try again with --jobs 1"
    if isinstance(problem, OSError):
        return UNUSABLE, f"{problem.filename or 'a file'}: {problem.strerror or type(problem).__name__}"
    if os.environ.get(TRACEBACK):
        raise problem
    return FAULT, _fault(problem)


def _fault(fault: Exception) -> str:
    """Return what to report of a fault of the program: its kind and place, not its words, which may hold values."""
    frames = traceback.extract_tb(fault.__traceback__)
    own = [f for f in frames if "mtb_eval" in Path(f.filename).parts]
    place = f"{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else "unknown place"
    return (
        f"a fault of the program itself ({type(fault).__name__} in {place}); earlier results are untouched. "
        f"Please report this line; {TRACEBACK}=1 shows more, which may hold data of persons"
    )


def _report(arguments: argparse.Namespace) -> int:
    from mtb_eval.analysis import evaluate
    from mtb_eval.report import Provenance, write_report
    from mtb_eval.report.folder import refuse_foreign

    plan, study = _load(arguments)
    seed, out = _seed(arguments.study) if study.synthetic else None, Path(arguments.out)
    refuse_foreign(out)
    with _progress(arguments, len(plan.outcomes) + 4, "report") as told:
        results = evaluate(study, plan, progress=told, jobs=arguments.jobs)
        provenance = Provenance(synthetic=study.synthetic, seed=seed, inputs=study.files, internal=arguments.internal)
        write_report(results, plan, out=out, provenance=provenance, progress=told, jobs=arguments.jobs)
    for row in results.failures.itertuples():
        print(f"not estimated: {row.outcome}, {row.estimator}: {row.error}", file=sys.stderr)
    print(f"report written to {arguments.out}/report.html")
    return _primary_failures(results.failures, plan)


def _effects(arguments: argparse.Namespace) -> int:
    from mtb_eval.analysis import effects
    from mtb_eval.analysis.disclosure_effects import disclosed_effects
    from mtb_eval.analysis.evaluate import failures
    from mtb_eval.report.csv_text import csv_text, mark_of

    plan, study = _load(arguments)
    with _progress(arguments, len(plan.outcomes) + 2, "effects") as told:
        table = effects(study, plan, progress=told)
    shown, suppressed = (table, table.iloc[:0]) if arguments.internal else disclosed_effects(table, study, plan)
    mark = mark_of(synthetic=study.synthetic, internal=arguments.internal)
    _write(csv_text(shown, mark=mark), arguments.out)
    if len(suppressed):
        print(f"{len(suppressed)} rows rest on few families and are not shown in full; see --internal", file=sys.stderr)
    return _primary_failures(failures(table), plan)


def _check(arguments: argparse.Namespace) -> int:
    from mtb_eval.data import check_study
    from mtb_eval.report.csv_text import csv_text
    from mtb_eval.study import load_plan

    problems = check_study(arguments.study, load_plan(arguments.plan))
    if arguments.out:
        _write(csv_text(problems), arguments.out)
    if problems.empty:
        print(f"{arguments.study}: no problems")
        return 0
    for file, column, message in zip(problems["file"], problems["column"], problems["message"], strict=True):
        print(f"{file}{', column ' if column else ''}{column}: {message}")
    print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)
    return DIFFERENT


def _synth(arguments: argparse.Namespace) -> int:
    from mtb_eval.analysis.calibrate import make_synthetic
    from mtb_eval.study import load_plan

    plan = load_plan(arguments.plan)
    with _progress(arguments, None, "synthetic study") as told:
        make_synthetic(plan, Path(arguments.out), seed=arguments.seed, progress=told)
    print(f"synthetic study written to {arguments.out}")
    return 0


def _claims(arguments: argparse.Namespace) -> int:
    from mtb_eval.analysis import evaluate
    from mtb_eval.analysis.claims import disagreements
    from mtb_eval.analysis.disclosure import released
    from mtb_eval.report.claims_json import claims_json
    from mtb_eval.report.csv_text import csv_text, mark_of

    plan, study = _load(arguments)
    with _progress(arguments, len(plan.outcomes) + 3, "claims") as told:
        results = evaluate(study, plan, progress=told, jobs=arguments.jobs)
    n_different = disagreements(results.claims)
    results = released(results, plan, internal=arguments.internal)
    table = results.claims
    if arguments.out:
        as_json = arguments.out.lower().endswith(".json")
        mark, power = mark_of(synthetic=study.synthetic, internal=arguments.internal), results.detail.get("claim_power")
        _write(claims_json(table, power, mark=mark) if as_json else csv_text(table, mark=mark), arguments.out)
    _print_claims(table, arguments.language, synthetic=study.synthetic)
    return DIFFERENT if n_different else 0


def _print_claims(table: pd.DataFrame, language: str, *, synthetic: bool) -> None:
    if synthetic:
        print("Synthetic data made to match the published figures: agreement says nothing about the programme.")
    for row in table.itertuples():
        statement, found, why = (getattr(row, f"{name}_{language}") for name in ("statement", "found", "why"))
        design = f" ({row.grade}; {row.power:.0%} chance to find {row.true_std:.2f} SD)" if row.size else ""
        print(f"{row.id:4} {row.result:17} {statement} [{found or why}]{design}")
    counts = table["result"].value_counts()
    print("; ".join(f"{n} {result}" for result, n in counts.items()))


def _compare(arguments: argparse.Namespace) -> int:
    from mtb_eval.analysis.compare import PLACEMENTS, compare, read_effects, read_placements
    from mtb_eval.study import load_plan

    against = partial(compare, rtol=arguments.rtol, atol=arguments.atol, rule=load_plan(arguments.plan).verdicts)
    found = {"": against(read_effects(arguments.first), read_effects(arguments.second))}
    first, second = read_placements(arguments.first), read_placements(arguments.second)
    if first is not None and second is not None:
        found["placements: "] = against(first, second, kind=PLACEMENTS)
    tolerance = f"rtol {arguments.rtol:g}, atol {arguments.atol:g}"
    if all(one.same for one in found.values()):
        print(f"no difference in {sum(one.n_rows for one in found.values())} rows ({tolerance})")
        return 0
    for what, one in found.items():
        _print_comparison(what, one, arguments, tolerance)
    return DIFFERENT


def _print_comparison(what: str, one: Comparison, arguments: argparse.Namespace, tolerance: str) -> None:
    for title, table in (
        (f"only in {arguments.first}", one.only_first),
        (f"only in {arguments.second}", one.only_second),
        (f"cells that differ ({tolerance})", one.cells),
        ("verdicts that changed", one.verdicts),
    ):
        if len(table):
            print(f"{what}{title}: {len(table)}")
            print(table.to_string(index=False, max_rows=40))


def _fit(arguments: argparse.Namespace) -> int:
    from mtb_eval.analysis.fit import DEFAULT_METHODS, METHODS, fit

    given = tuple(name.strip().lower() for name in arguments.methods.split(",") if name.strip())
    chosen = {(): DEFAULT_METHODS, ("all",): tuple(METHODS)}.get(given, given)
    table = fit(
        _table(arguments.data, chosen, text=(arguments.cluster, *arguments.factor)),
        y=arguments.y,
        treat=arguments.treat,
        cluster=arguments.cluster,
        x=arguments.x,
        factor=arguments.factor,
        weights=arguments.weights,
        methods=chosen,
        level=arguments.level,
        seed=arguments.seed,
    )
    print(table.to_json(orient="records", indent=2, double_precision=15) if arguments.json else _shown(table))
    return FAILED if (table["error"] != "").all() else 0


def _table(path: str, methods: Sequence[str], *, text: Sequence[str]) -> pd.DataFrame | str:
    """Return a file to be streamed, or the whole table where a method or the format needs it."""
    from mtb_eval.analysis.fit import NEEDS_ROWS
    from mtb_eval.data.stream import STREAMED, table_in_memory

    streamable = path.lower().endswith(STREAMED)
    return path if streamable and not set(methods) & NEEDS_ROWS else table_in_memory(path, text=text)


def _shown(table: pd.DataFrame) -> str:
    columns = ["outcome", "method", "estimate", "se", "df", "ci_low", "ci_high", "p", "n_clusters", "warning", "error"]
    used = [c for c in columns if c not in ("warning", "error") or (table[c] != "").any()]
    return table[used].to_string(index=False, float_format=lambda v: f"{v:.6g}", na_rep="")


def _load(arguments: argparse.Namespace) -> tuple[Plan, Study]:
    import mtb_eval.analysis
    import mtb_eval.report  # noqa: F401
    from mtb_eval.data import load_study
    from mtb_eval.study import load_plan

    gc.freeze()  # what the libraries loaded stays: without this every collection walks through all of it again
    plan = load_plan(arguments.plan)
    return plan, load_study(arguments.study, plan)


def _seed(folder: str) -> int:
    from mtb_eval.data.synthetic import load_truth

    return load_truth(Path(folder) / "truth.toml").seed


def _primary_failures(failures: pd.DataFrame, plan: Plan) -> int:
    primary = {o.id for o in plan.outcomes if o.primary}
    failed = failures[failures["estimator"].isin(["replica", "primary"]) & failures["outcome"].isin(primary)]
    if len(failed):
        print(f"error: {len(failed)} models of primary outcomes failed; see the column 'error'", file=sys.stderr)
        return FAILED
    return 0


@contextmanager
def _progress(arguments: argparse.Namespace, total: int | None, title: str) -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is being done, on standard error and only where a person watches."""
    from tqdm import tqdm

    hidden = arguments.quiet or not sys.stderr.isatty()
    with tqdm(total=total, desc=title, disable=hidden, file=sys.stderr, leave=False) as bar:

        def told(what: str) -> None:
            bar.set_postfix_str(what)
            bar.update()

        yield told


def _user_errors() -> tuple[type[Exception], ...]:
    """Return the errors that are one clear sentence; what has not been imported cannot have been raised."""
    return tuple(getattr(sys.modules[home], name) for home, name in USER_ERRORS if home in sys.modules)


def _write(text: str, out: str) -> None:
    """Write a text file whole or not at all; '-' is standard output."""
    if out == "-":
        sys.stdout.write(text)
        return
    path = Path(out)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file to write", out or ".")
    if path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
        path.write_text(text, encoding="utf-8", newline="\n")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "report": _report,
    "effects": _effects,
    "check": _check,
    "synth": _synth,
    "claims": _claims,
    "compare": _compare,
    "fit": _fit,
}

if __name__ == "__main__":
    sys.exit(main())
