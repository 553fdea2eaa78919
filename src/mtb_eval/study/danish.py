"""The sources of declarations in Danish, by their English text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mtb_eval.study.tables import PlanError, read_only


def read_danish(path: Path) -> Mapping[str, str]:
    """Return the Danish text of each source in a TOML file, or none if there is no such file.

    Raises PlanError on another table and on a value that is no text.
    """
    if not path.exists():
        return {}
    sources = read_only(path, "sources").get("sources", {})
    if not isinstance(sources, dict) or not all(isinstance(text, str) for text in sources.values()):
        raise PlanError(f"{path.name}: [sources] needs a Danish text in quotes for each English one")
    return sources
