"""How time and memory grow: `growth.py studies|outcomes|rows N` or `growth.py parquet N`, each in a fresh process."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import Result, peak_mb, report, timed

from mtb_eval.inference.chunks import cross_from_chunks
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.panel import PanelMethod, few_cluster_panel
from study import StudyTable, study_table

SEED = 20180601
CHUNK = 250_000
SIMULATED: tuple[PanelMethod, ...] = ("cr2", "cv3", "wcr31", "lmm_kr")
Chunk = tuple[Any, Any, Any]


def studies(n: int) -> Result:
    """Simulate `n` studies on the study's own design, ICC .05, and test each by four methods; one first call."""
    table, rng = study_table(), np.random.default_rng(SEED)

    def run() -> Any:
        codes = table.cluster - 1
        y = np.sqrt(0.05) * rng.standard_normal((n, 10))[:, codes] + np.sqrt(0.95) * rng.standard_normal((n, 256))
        return few_cluster_panel(cross_products(table.x, y, codes), table.contrast, methods=SIMULATED)

    before, started = peak_mb(), time.perf_counter()
    panel = run()
    seconds = time.perf_counter() - started
    size = dict(zip(SIMULATED, (panel.p < 0.05).mean(axis=-1).tolist(), strict=True))
    return {"seconds": seconds, "peak_mb": peak_mb(), "before_mb": before, "rejected": size}


def outcomes(n: int) -> Result:
    """Time the whole panel for `n` outcomes on the study-shaped table."""
    table, rng = study_table(), np.random.default_rng(SEED)
    y = np.resize(table.y, (n, 256)) + 0.1 * rng.standard_normal((n, 256))

    def run() -> Any:
        return few_cluster_panel(cross_products(table.x, y, table.cluster), table.contrast)

    _, times = timed(run, seconds=5, most=15)
    return {"seconds": float(np.median(times.warm_s)), "cpu_seconds": float(np.median(times.warm_cpu_s))}


def rows(n: int) -> Result:
    """Time one pass over `n` rows made in chunks, without the time to make them, then the panel on the sums."""
    cross_from_chunks(_made(study_table(), 1000, {"making": 0.0}))  # a first call costs more
    spent = {"making": 0.0}
    started = time.perf_counter()
    cross = cross_from_chunks(_made(study_table(), n, spent))
    passed = time.perf_counter() - started - spent["making"]
    contrast = np.eye(cross.n_columns)[1]
    _, times = timed(lambda: few_cluster_panel(cross, contrast), seconds=2, most=15)
    after = float(np.median(times.warm_s))
    return {"pass_s": passed, "ns_per_row": 1e9 * passed / n, "after_s": after, "peak_mb": peak_mb()}


def parquet(n: int) -> Result:
    """Time `fit` streaming a Parquet file of `n` rows, one outcome and two covariates."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mtb_eval.analysis.fit import fit

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        writer = None
        for x, y, cluster in _made(study_table(), n, {"making": 0.0}):
            part = pd.DataFrame({"y": y, "treat": x[:, 1], "a": x[:, 2], "b": x[:, 3], "cluster": cluster})
            data = pa.Table.from_pandas(part, preserve_index=False)
            writer = writer or pq.ParquetWriter(file, data.schema)
            writer.write_table(data)
        if writer is not None:
            writer.close()
        columns = {"y": "y", "treat": "treat", "cluster": "cluster", "x": ("a", "b")}
        fit(part[:1000], **columns)  # a first call costs more
        started = time.perf_counter()
        fit(file, **columns)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "ns_per_row": 1e9 * seconds / n, "peak_mb": peak_mb()}


def _made(table: StudyTable, n: int, spent: dict[str, float]) -> Iterator[Chunk]:
    """Yield `n` rows drawn from the table's, with fresh noise; adds the time this takes to `spent`."""
    rng = np.random.default_rng(SEED)
    for start in range(0, n, CHUNK):
        began = time.perf_counter()
        pick = rng.integers(0, 256, min(CHUNK, n - start))
        x = table.x[pick]
        x[:, 2] += rng.standard_normal(pick.size)
        y = table.y[0, pick] + rng.standard_normal(pick.size)
        cluster = table.cluster[pick]
        spent["making"] += time.perf_counter() - began
        yield x, y, cluster


GROWTH: dict[str, Callable[[int], Result]] = {
    "studies": studies,
    "outcomes": outcomes,
    "rows": rows,
    "parquet": parquet,
}

if __name__ == "__main__":
    report(GROWTH[sys.argv[1]](int(sys.argv[2])))
