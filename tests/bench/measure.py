"""Time and memory of one task in a fresh process, so that first calls are cold and peaks are the task's own."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LONG = 60.0
Result = dict[str, Any]


def in_fresh_process(script: str, *arguments: str) -> Result:
    """Return what `script`, beside this file, prints as JSON; a failure is {"error": its last line}."""
    command = [sys.executable, "-W", "ignore", str(HERE / script), *arguments]
    return finished(command, timeout=1800)


def finished(command: Sequence[str], *, timeout: float) -> Result:
    """Return the last line that a command prints, as JSON, or {"error": ...}."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"error": f"no result after {timeout:.0f} s"}
    if done.returncode < 0:
        return {"error": f"ended by signal {-done.returncode}"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"error": re.sub(r"(/[^\s/:'\"]+)+/", "", said)[:400]}  # no path of this machine
    return dict(json.loads(lines[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of the first call and of further calls, by the clock and by the processor."""

    first_s: float
    warm_s: list[float]
    warm_cpu_s: list[float]


def timed(run: Callable[[], Any], *, seconds: float, most: int) -> tuple[Any, Times]:
    """Return the result and the times of a first call and of 1 to `most` further ones within `seconds`.

    A first call of more than LONG seconds stands for the further ones too.
    """
    value, first, used = _once(run)
    if first > LONG:
        return value, Times(first_s=first, warm_s=[first], warm_cpu_s=[used])
    wall, cpu = [], []
    while not wall or (len(wall) < most and first + sum(wall) < seconds):
        value, seen, used = _once(run)
        wall.append(seen)
        cpu.append(used)
    return value, Times(first_s=first, warm_s=wall, warm_cpu_s=cpu)


def _once(run: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    value = run()
    return value, time.perf_counter() - wall, time.process_time() - cpu


def peak_mb() -> float:
    """Return the peak resident memory of this process in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak / (1e6 if sys.platform == "darwin" else 1e3))


def load() -> float:
    """Return how many processes compete, averaged over the last minute."""
    return round(os.getloadavg()[0], 2)


def report(result: Result) -> None:
    """Write a result as one line of JSON, for `in_fresh_process` to read."""
    sys.stdout.write("\n" + json.dumps(result) + "\n")
