"""Work shared by processes: in order, the same at any number of them, and a fault of a piece is told."""

from __future__ import annotations

from functools import partial

import pytest

from mtb_eval.analysis.workers import on_workers


def _power(exponent, base):
    if base < 0:
        raise ArithmeticError("a negative base")
    return base**exponent


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_results_come_in_order_at_any_number_of_processes(jobs):
    for exponent in (2, 3):  # a second use in the same process has its own work
        assert list(on_workers(partial(_power, exponent), range(7), jobs=jobs)) == [b**exponent for b in range(7)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_fault_of_a_piece_is_raised(jobs):
    with pytest.raises(ArithmeticError, match="negative"):
        list(on_workers(partial(_power, 2), [1, -1, 2], jobs=jobs))


def test_no_job_is_refused():
    with pytest.raises(ValueError, match="at least one job"):
        list(on_workers(partial(_power, 2), [1, 2], jobs=0))
