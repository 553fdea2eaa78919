"""The folder of a synthetic study: never one with other files, and filled only when everything has been made."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TRUTH = "truth.toml"


class SyntheticError(ValueError):
    """A folder that a synthetic study cannot be written to; nothing there was changed."""


def refuse_other_files(folder: Path) -> None:
    """Raise SyntheticError if `folder` is a file, or holds something but no synthetic study (no truth.toml)."""
    if folder.exists() and not folder.is_dir():
        raise SyntheticError(f"{folder.name}: a folder is needed for the synthetic study, this is a file")
    held = 0 if not folder.exists() or (folder / TRUTH).is_file() else sum(1 for _ in folder.iterdir())
    if held:
        raise SyntheticError(
            f"{folder.name}: the folder holds {held} files or folders but no synthetic study, which would replace "
            "files of the same name; name an empty or new folder"
        )


@contextmanager
def filled_at_once(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder`; what was written there is moved into `folder` if nothing was raised."""
    target = folder.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
        yield Path(beside)
        target.mkdir(exist_ok=True)
        for file in sorted(Path(beside).iterdir()):
            shutil.move(file, target / file.name)
