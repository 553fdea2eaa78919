"""A function run in a child process, so that a crash in foreign code is an exception and not the end of the program."""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
FORKS = hasattr(os, "fork") and sys.platform != "darwin"
"""Whether a child can be had at once: not on Windows; on macOS system libraries may crash in a forked child."""
if FORKS:
    import resource


class ChildDiedError(RuntimeError):
    """The child process ended without an answer: killed by a signal, as on a segmentation fault or lack of memory."""


def in_child(function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns, or raise what it raises, from a forked child (directly where FORKS is false).

    The child holds the parent's memory as it was, so nothing is imported or sent to it; its answer comes back pickled.
    Raises ChildDiedError if the child was killed.
    """
    if not FORKS:
        return function(*arguments)
    reading, writing = os.pipe()
    unmasked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = _forked(unmasked)
    if child == 0:
        _answer(writing, function, arguments)
    succeeded, found = pickle.loads(_received(reading, writing, child, unmasked))
    if succeeded:
        return found  # type: ignore[no-any-return]
    raise found


def _forked(unmasked: set[Any]) -> int:
    """Return the child's id, in the child 0; an interrupt waits in the parent, and never reaches the child."""
    with warnings.catch_warnings():
        # Python warns of threads. This child takes no lock that they may hold: it reads one file and is gone.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_SETMASK, unmasked)
            raise


def _answer(writing: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Run in the child: write the answer and end, without the parent's own endings (buffers, exit handlers)."""
    status = 1
    try:
        faulthandler.disable()
        _leave_no_core()
        with os.fdopen(writing, "wb") as answer:
            answer.write(_outcome(function, arguments))
        status = 0
    finally:  # nothing is raised beyond this: the parent's code must not go on in the child
        os._exit(status)


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((True, function(*arguments)), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as problem:
        return pickle.dumps((False, problem))


def _leave_no_core() -> None:
    """Let no dump of memory be written on a crash: it would hold what was read of people."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _received(reading: int, writing: int, child: int, unmasked: set[Any]) -> bytes:
    """Return all that the child wrote; it is ended whatever happens here, an interrupt too."""
    try:
        with os.fdopen(reading, "rb") as answer:
            os.close(writing)
            signal.pthread_sigmask(signal.SIG_SETMASK, unmasked)
            data = answer.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    if os.waitpid(child, 0)[1] != 0:
        raise ChildDiedError("a child process ended without an answer")
    return data
