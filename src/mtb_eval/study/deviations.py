"""Where this evaluation does otherwise than the published one, as declared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mtb_eval.study.tables import Text, build_all, read_only, unique


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What was published (or that nothing was), what is done here, and why."""

    id: str
    topic: Text
    published: Text
    here: Text
    why: Text


def read_deviations(path: Path) -> tuple[Deviation, ...]:
    """Return the deviations of a TOML file, or none if there is no such file.

    Raises PlanError on another table and a repeated id.
    """
    if not path.exists():
        return ()
    found = build_all(Deviation, read_only(path, "deviations").get("deviations", []), path.name)
    unique([d.id for d in found], path.name)
    return found
