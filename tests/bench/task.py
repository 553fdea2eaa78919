"""One program on 30 outcomes, in this process: `task.py PROGRAM [METHOD ...]`."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict

from measure import peak_mb, report, timed
from programs import PEERS, Factory, Run, ours, ours_from_a_frame

from study import StudyTable, study_table

SECONDS, MOST = 10.0, 15


def main(name: str, *methods: str) -> None:
    """Report import time, first call, further calls, peak memory and p values."""
    table = study_table()
    before = time.perf_counter()
    run = _factory(name, methods)(table)
    imported = time.perf_counter() - before
    p, times = timed(run, seconds=SECONDS, most=MOST)
    values = {method: list(map(float, v)) for method, v in p.items()}
    report({"import_s": imported, **asdict(times), "peak_mb": peak_mb(), "p": values})


def _factory(name: str, methods: tuple[str, ...]) -> Factory:
    if name == "mtb_eval, frame":
        return ours_from_a_frame
    if name not in ("mtb_eval", "mtb_eval, intervals"):
        return PEERS[name]

    def factory(table: StudyTable) -> Run:
        return ours(methods, table, intervals=name.endswith("intervals"))

    return factory


main(*sys.argv[1:])
