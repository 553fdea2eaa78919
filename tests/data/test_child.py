"""Reading in a child process: same answers and errors as directly, and a crash of the C library is one sentence."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.data import READERS, DataError, check_study, read_table
from mtb_eval.data.child import FORKS, ChildDiedError, in_child
from mtb_eval.data.raw import UnreadableError

SHIPPED = Path(__file__).parents[2] / "data" / "synthetic"
LABELLED = sorted(p.name for p in SHIPPED.iterdir() if p.suffix in (".sav", ".dta"))
DAMAGED = "is not a complete SPSS file: it is damaged, cut off or of another kind"

forking = pytest.mark.usefixtures("forks")


@pytest.fixture
def forks() -> None:
    """Without a child, these crashes would end the tests themselves."""
    assert FORKS, "run these tests on a system that forks, such as Linux"


def crash(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def refuse(n: int) -> None:
    raise UnreadableError("has rows cut off", rule="ragged_rows", n_rows=n)


def with_value_labels_of_no_variable(content: bytes) -> bytes:
    """Return an SPSS file whose last list of variables with value labels names variable number 1.3 thousand million."""
    record = content.rindex(b"\x04\x00\x00\x00\x01\x00\x00\x00")  # record 4, one variable
    return content[: record + 11] + b"\x4d" + content[record + 12 :]


@pytest.mark.parametrize("name", LABELLED)
def test_a_file_read_in_a_child_is_the_same_to_the_cell(name, monkeypatch):
    apart = read_table(SHIPPED / name)
    monkeypatch.setattr("mtb_eval.data.child.FORKS", False)
    direct = read_table(SHIPPED / name)
    pd.testing.assert_frame_equal(apart.frame, direct.frame)
    cells = [[[type(cell) for cell in raw.frame[c]] for c in raw.frame] for raw in (apart, direct)]
    assert cells[0] == cells[1]
    assert (apart.labels, apart.missing, apart.decimal) == (direct.labels, direct.missing, direct.decimal)


@forking
def test_a_file_that_crashes_the_reader_is_one_sentence(tmp_path):
    file = tmp_path / "spoilt.sav"
    file.write_bytes(with_value_labels_of_no_variable((SHIPPED / "questionnaire_24m.sav").read_bytes()))
    with pytest.raises(DataError) as caught:
        read_table(file)
    assert str(caught.value) == f"spoilt.sav: the file {DAMAGED}"


@forking
@pytest.mark.parametrize("suffix", [".sav", ".zsav", ".dta", ".sas7bdat"])
def test_a_reader_that_crashes_is_an_unreadable_file(tmp_path, monkeypatch, suffix):
    for name in ("read_sav", "read_dta", "read_sas7bdat"):
        monkeypatch.setattr(f"pyreadstat.{name}", crash)
    (tmp_path / f"t{suffix}").write_bytes(b"content")
    with pytest.raises(UnreadableError, match="is damaged, cut off or of another kind"):
        READERS[suffix](tmp_path / f"t{suffix}")


@forking
def test_a_crash_is_told_beside_all_other_problems(small):
    small.write()
    file = small.folder / "trivsel.sav"
    file.write_bytes(with_value_labels_of_no_variable(file.read_bytes()))
    (small.folder / "familier.csv").write_bytes(b"")
    found = check_study(small.folder, small.plan)
    assert list(zip(found["file"], found["rule"], strict=True)) == [
        ("familier.csv", "unreadable"),
        ("trivsel.sav", "unreadable"),
    ]


@forking
def test_a_crash_ends_the_child_alone():
    with pytest.raises(ChildDiedError):
        in_child(crash)
    assert in_child(os.getpid) != os.getpid()


def test_errors_arrive_as_they_were_raised():
    with pytest.raises(UnreadableError, match="has rows cut off") as caught:
        in_child(refuse, 3)
    assert (caught.value.rule, caught.value.n_rows) == ("ragged_rows", 3)
    with pytest.raises(ZeroDivisionError):
        in_child(divmod, 1, 0)


@forking
def test_an_answer_that_cannot_be_sent_is_an_error_and_not_a_crash():
    with pytest.raises((AttributeError, TypeError), match=r"pickle|local object"):
        in_child(lambda: lambda: 1)


@pytest.fixture
def heeding() -> Iterator[None]:
    """Interrupts raise KeyboardInterrupt, even if the tests were started by a shell that ignores them (`&`)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@forking
@pytest.mark.usefixtures("heeding")
def test_an_interrupt_ends_the_child_and_is_told():
    began = time.monotonic()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        in_child(time.sleep, 60)
    assert time.monotonic() - began < 20
    assert in_child(divmod, 7, 2) == (3, 1)


def test_large_answers_and_busy_threads_do_not_block():
    stop = threading.Event()
    busy = [threading.Thread(target=multiply_until, args=(stop,)) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        sizes = [in_child(np.ones, 1_000_000).size for _ in range(10)]
    finally:
        stop.set()
        for thread in busy:
            thread.join()
    assert sizes == [1_000_000] * 10


def multiply_until(stop: threading.Event) -> None:
    a = np.ones((60, 60))
    while not stop.is_set():
        pd.Series(["a", "b"] * 50, dtype="str").str.upper()
        a = a @ a / 60
