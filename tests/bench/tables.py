"""The benchmark as markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from measure import Result


def markdown(found: Result) -> str:
    """Return the sections that were run as markdown."""
    parts = (_setting(found), _targets(found), _beside(found), _ours(found), _growth(found), _boundary(found))
    return "\n".join(chain.from_iterable((*part, "") for part in parts))


def _setting(found: Result) -> Iterator[str]:
    s = found["setting"]
    versions = dict(s["versions"])
    for row in found.get("r", []):
        versions |= row.get("versions", {})
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    loads = ", ".join(f"{name} {a:g} to {b:g}" for name, (a, b) in found["load"].items())
    yield f"{s['processors']} processors, {s['blas_threads']} BLAS thread a process. {listed}."
    yield ""
    yield f"Load of the machine (processes that compete, 1 minute): {loads}."


def _targets(found: Result) -> Iterator[str]:
    yield from _table(
        ("aim", "limit", "measured", "met"),
        ((t["aim"], f"{t['limit']:g}", _number(t["measured"]), _word(t["met"])) for t in found["targets"]),
    )


def _beside(found: Result) -> Iterator[str]:
    yield (
        "30 outcomes, 256 rows, 10 clusters, 9 regressors; milliseconds, median of warm calls "
        "(first call; the only one if it takes over a minute)."
    )
    yield ""
    yield from _table(
        ("program", "fits", "peer", "mtb_eval", "ratio", "ratio, processor time", "largest difference of p"),
        (_beside_row(row) for row in (*found.get("r", []), *found.get("peers", []))),
    )


def _beside_row(row: Result) -> tuple[str, ...]:
    if "error" in row["peer"]:
        return row["program"], row["fits"], row["peer"]["error"], _ms(row["ours"]), "", "", ""
    gap = ", ".join(f"{m} {v:.1g}" for m, v in row["largest_p_difference"].items())
    ratio, cpu = (f"{row[k]:.0f}" if k in row else "" for k in ("ratio", "ratio_cpu"))
    return row["program"], row["fits"], _ms(row["peer"]), _ms(row["ours"]), ratio, cpu, gap


def _ours(found: Result) -> Iterator[str]:
    yield from _table(
        ("mtb_eval, 30 outcomes", "warm ms", "first ms", "import s", "peak MB"),
        ((name, *_cost(cost)) for name, cost in found.get("ours", {}).items()),
    )


def _cost(cost: Result) -> tuple[str, ...]:
    if "error" in cost:
        return cost["error"], "", "", ""
    warm, first = (f"{1e3 * cost[k]:.1f}" for k in ("warm_s", "first_s"))
    return warm, first, f"{cost['import_s']:.2f}", f"{cost['peak_mb']:.0f}"


def _growth(found: Result) -> Iterator[str]:
    wanted = {
        "studies": ("seconds", "peak_mb"),
        "outcomes": ("seconds",),
        "rows": ("pass_s", "ns_per_row", "after_s", "peak_mb"),
        "parquet": ("seconds", "ns_per_row", "peak_mb"),
    }
    names = {
        "studies": "simulated studies x CR2, CV3, exact WCR31, Kenward-Roger, simulation included",
        "outcomes": "outcomes, whole panel",
        "rows": "rows in chunks of 250,000, 10 columns: one pass (without making them), then the panel on the sums",
        "parquet": "rows of a Parquet file, streamed by `fit`",
    }
    for part in (p for p in wanted if p in found):
        keys = wanted[part]
        yield names[part] + ":"
        yield ""
        heads = tuple(k.replace("_", " ") for k in keys)
        rows = ((f"{int(n):,}", *_values(r, keys)) for n, r in found[part].items())
        yield from _table(("n", *heads), rows)
        yield ""


def _values(result: Result, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(result["error"] if "error" in result else _number(result[k]) for k in keys)


def _boundary(found: Result) -> Iterator[str]:
    for case in found.get("boundary", []):
        if "error" in case:
            yield f"Fits at the boundary: {case['error']}"
            continue
        yield (
            f"{case['n']} data sets with intra-class correlation {case['icc']:g}, design '{case['design']}': "
            "fits that miss the optimum by .01:"
        )
        yield ""
        heads = list(next(iter(case["programs"].values())))
        rows = (
            (name, *(_number(c[h]) if h in c else c["error"] for h in heads)) for name, c in case["programs"].items()
        )
        yield from _table(("program", *heads), rows)
        yield ""


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = tuple(heads)
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _ms(cost: Result) -> str:
    return cost["error"] if "error" in cost else f"{1e3 * cost['warm_s']:.1f} ({1e3 * cost['first_s']:.0f})"


def _number(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _word(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "no"
