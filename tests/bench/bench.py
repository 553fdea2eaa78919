"""Time the inference core beside its peers, on the same fits in one run: `bench.py build/bench.json [SECTION ...]`.

Every program runs in a fresh process of its own; ours runs before and after each peer, so that a change of the
machine's load falls on both. Times are medians over calls. A peer that is not installed or fails is a row with its
error.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from statistics import median
from typing import Any

from measure import HERE, Result, finished, in_fresh_process, load
from tables import markdown

from study import FILE

PACKAGES = (
    *("numpy", "scipy", "pandas", "pyarrow", "statsmodels", "linearmodels"),
    *("pyfixest", "wildboottest", "lme-python", "numba"),
)
PANEL = ("cr1", "cr2", "cv3", "wcr11", "wcr31", "lmm_kr")
ROWS = tuple(10**k for k in range(3, 8))
BOUNDARY = (("study", "0"), ("study", "0.05"), ("whole", "0"))
OUTCOMES = (1, 10, 30, 100, 300, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A peer, what it fits, and the methods of ours that are the same fits."""

    program: str
    fits: str
    methods: tuple[str, ...]


MATCHES = (
    Match(program="R: clubSandwich", fits="OLS; CR1S, CR2, CR3", methods=("cr1s", "cr2", "cv3")),
    Match(program="R: lme4 + pbkrtest", fits="REML, Kenward-Roger", methods=("lmm_kr",)),
    Match(program="pyfixest CRV1, CRV3", fits="OLS; CR1S, CV3", methods=("cr1s", "cv3")),
    Match(program="statsmodels OLS, cluster", fits="OLS; CR1S", methods=("cr1s",)),
    Match(program="linearmodels IV2SLS, cluster", fits="OLS; CR1S", methods=("cr1s",)),
    Match(program="pyfixest wildboottest", fits="WCR11, WCR31 p", methods=("wcr11", "wcr31")),
    Match(program="wildboottest", fits="WCR11, WCR31 p", methods=("wcr11", "wcr31")),
    Match(program="statsmodels MixedLM", fits="REML, z", methods=("lmm_z",)),
    Match(program="lme-python, Satterthwaite", fits="REML, Satterthwaite", methods=("lmm_satterthwaite",)),
    Match(program="lme-python, Kenward-Roger", fits="REML, Kenward-Roger", methods=("lmm_kr",)),
)
R_TASKS = {"R: clubSandwich": "robust", "R: lme4 + pbkrtest": "mixed"}


def main(out: Path, *names: str) -> None:
    """Run the sections named, or all, and write `out` and markdown beside it after each; the markdown is also printed.

    Sections that are not named keep what `out` holds of them; every section tells the load it ran under.
    """
    if unknown := [name for name in names if name not in SECTIONS]:
        sys.exit(f"error: no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    found: Result = json.loads(out.read_text(encoding="utf-8")) if names and out.is_file() else {"load": {}}
    found["setting"] = setting()
    out.parent.mkdir(parents=True, exist_ok=True)
    for name in names or SECTIONS:
        before = load()
        found[name] = SECTIONS[name]()
        found["load"][name] = [before, load()]
        found["targets"] = targets(found)
        out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        out.with_suffix(".md").write_text(markdown(found), encoding="utf-8")
    sys.stdout.write(markdown(found))


def ours() -> Result:
    """Return the cost of our panel, of its intervals and of `fit` on a frame."""
    return {
        "panel": summary(in_fresh_process("task.py", "mtb_eval", *PANEL)),
        "panel and intervals": summary(in_fresh_process("task.py", "mtb_eval, intervals", *PANEL)),
        "intervals": summary(in_fresh_process("task.py", "mtb_eval, intervals", "wcr11", "wcr31")),
        "fit on a frame": summary(in_fresh_process("task.py", "mtb_eval, frame")),
    }


def peers() -> list[Result]:
    """Return a row for each Python peer."""
    return [beside(match) for match in MATCHES if match.program not in R_TASKS]


def growth(kind: str, sizes: tuple[int, ...]) -> Result:
    """Return how time and memory grow with the number of studies, outcomes or rows."""
    return {str(n): in_fresh_process("growth.py", kind, str(n)) for n in sizes}


def boundary() -> list[Result]:
    """Return counts of fits that miss the optimum near a cluster variance of zero."""
    return [in_fresh_process("boundary.py", *case, "200") for case in BOUNDARY]


def setting() -> Result:
    """Return versions, processors and load; no name of the machine and no path."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "default")
    return {"versions": versions, "processors": os.cpu_count(), "blas_threads": threads}


def beside(match: Match) -> Result:
    """Return the times of a peer and of ours on the same fits, and how far their p values lie apart."""
    before = in_fresh_process("task.py", "mtb_eval", *match.methods)
    peer = peer_run(match.program)
    after = in_fresh_process("task.py", "mtb_eval", *match.methods)
    row: Result = {**asdict(match), "peer": summary(peer), "ours": summary(before, after)}
    if "error" in peer:
        return row
    gap = {m: max(abs(a - b) for a, b in zip(peer["p"][m], before["p"][m], strict=True)) for m in match.methods}
    return row | {"versions": peer.get("versions", {}), "largest_p_difference": gap, **ratios(row)}


def peer_run(program: str) -> Result:
    """Return what a peer reports, or its error."""
    if program not in R_TASKS:
        return in_fresh_process("task.py", program)
    if which("Rscript") is None:
        return {"error": "not installed"}
    return finished(["Rscript", "--vanilla", str(HERE / "peers.R"), str(FILE), R_TASKS[program]], timeout=1800)


def r_rows() -> list[Result]:
    """Return a row for both R programs together, ours being one panel of all their fits, then one for each."""
    methods = ("cr1s", "cr2", "cv3", "lmm_kr")
    before = in_fresh_process("task.py", "mtb_eval", *methods)
    parts = [beside(match) for match in MATCHES if match.program in R_TASKS]
    after = in_fresh_process("task.py", "mtb_eval", *methods)
    row: Result = {"program": "R: both", "fits": "all of the next two", "methods": methods}
    return [_added(row | {"ours": summary(before, after)}, parts), *parts]


def summary(*runs: Result) -> Result:
    """Return medians over the calls of one or more runs of the same task; an error stays an error."""
    failed = [run["error"] for run in runs if "error" in run]
    if failed:
        return {"error": failed[0]}
    return {
        "import_s": median(run["import_s"] for run in runs),
        "first_s": median(run["first_s"] for run in runs),
        "warm_s": median(t for run in runs for t in run["warm_s"]),
        "cpu_s": median(t for run in runs for t in run["warm_cpu_s"]),
        "n_warm": sum(len(run["warm_s"]) for run in runs),
        "peak_mb": max((run["peak_mb"] for run in runs if "peak_mb" in run), default=None),
    }


def ratios(row: Result) -> Result:
    """Return how many times as long the peer takes, by the clock and by the processor."""
    if "error" in row["ours"]:
        return {}
    return {
        "ratio": row["peer"]["warm_s"] / row["ours"]["warm_s"],
        "ratio_cpu": row["peer"]["cpu_s"] / row["ours"]["cpu_s"],
    }


def targets(found: Result) -> list[Result]:
    """Return each aim with what was measured and whether it was met; None where it was not measured."""
    stack = found.get("r", [{}])[0]
    ours, studies = found.get("ours", {}), found.get("studies", {}).get("10000", {})
    aims = (
        ("panel of 30 outcomes, warm (s)", 0.05, ours.get("panel", {}).get("warm_s"), False),
        ("WCR11 and WCR31 intervals, 30 outcomes, warm (s)", 0.3, ours.get("intervals", {}).get("warm_s"), False),
        ("10,000 simulated studies by 4 methods (s)", 60, studies.get("seconds"), False),
        ("their peak memory (MB)", 1000, studies.get("peak_mb"), False),
        ("times as fast as R on the same fits, processor time", 50, stack.get("ratio_cpu"), True),
    )
    return [
        {"aim": aim, "limit": limit, "measured": value, "met": None if value is None else (value > limit) == more}
        for aim, limit, value, more in aims
    ]


def _added(row: Result, parts: list[Result]) -> Result:
    """Return the row with the times of its parts added up, or the error of one of them."""
    errors = [part["peer"]["error"] for part in parts if "error" in part["peer"]]
    if errors:
        return row | {"peer": {"error": errors[0]}}
    row["peer"] = {key: sum(part["peer"][key] for part in parts) for key in ("import_s", "first_s", "warm_s", "cpu_s")}
    gaps = {method: gap for part in parts for method, gap in part["largest_p_difference"].items()}
    return row | {"largest_p_difference": gaps, **ratios(row)}


SECTIONS: dict[str, Callable[[], Any]] = {
    "ours": ours,
    "r": r_rows,
    "peers": peers,
    "studies": partial(growth, "studies", (10_000,)),
    "outcomes": partial(growth, "outcomes", OUTCOMES),
    "rows": partial(growth, "rows", ROWS),
    "parquet": partial(growth, "parquet", ROWS[1:4]),
    "boundary": boundary,
}

if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/bench.json"), *sys.argv[2:])
