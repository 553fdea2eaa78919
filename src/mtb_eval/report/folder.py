"""A report folder is replaced whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mtb_eval.report.manifest import MANIFEST


class ReportError(ValueError):
    """The report cannot be written where it was asked for; nothing there was changed."""


def refuse_foreign(out: Path) -> None:
    """Raise ReportError if no report can be written to `out`: a file, a folder with something else, not writable."""
    target = Path(out).absolute()
    _foreign(target)
    above = next(p for p in target.parents if p.exists())
    if not above.is_dir():
        raise ReportError(f"{target.name}: no folder can be made there, {above.name} is a file; name another folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ReportError(f"{target.name}: the folder {above.name} is not writable; name another folder")


def replace_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Write files (path inside the folder -> content) as the new `out`; an earlier report there is replaced.

    Everything is first written to a folder beside `out`. Files of the earlier report do not remain; files that no
    report wrote are kept. Raises ReportError if `out` is a file, or a folder that holds something but no report.
    """
    target = Path(out).absolute()
    kept = _foreign(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh = beside / "new"
        for name, content in files.items():
            _write(fresh / name, content)
        for name in kept - set(files):
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(target / name, fresh / name)
        _swap(target, fresh, beside / "earlier")
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _foreign(target: Path) -> set[str]:
    """Return the files in `target` that the report in it did not write."""
    if not target.exists():
        return set()
    if not target.is_dir():
        raise ReportError(f"{target.name}: a folder is needed for the report, this is a file")
    n_beside = 0 if (target / MANIFEST).is_file() else sum(1 for _ in target.iterdir())
    if n_beside:
        raise ReportError(
            f"{target.name}: the folder holds {n_beside} files or folders but no report; name an empty or new folder"
        )
    found = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file() or p.is_symlink()}
    return found - _written(target) - {MANIFEST}


def _written(target: Path) -> set[str]:
    if not (target / MANIFEST).exists():
        return set()
    try:
        return set(json.loads((target / MANIFEST).read_text(encoding="utf-8"))["outputs"])
    except (ValueError, KeyError, TypeError):
        raise ReportError(
            f"{target.name}: its {MANIFEST} is not that of a report; name an empty or new folder"
        ) from None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _swap(target: Path, fresh: Path, earlier: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    target.rename(earlier)
    try:
        fresh.rename(target)
    except OSError:
        earlier.rename(target)
        raise
