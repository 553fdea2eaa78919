"""What a report was made from and what it consists of: no clock, no path, no host name."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version

LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "linearmodels", "matplotlib", "jinja2", "typst")
PACKAGE = "mtb_eval"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One file of the report: its SHA-256 and the function that made it."""

    sha256: str
    made_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The report's identity: versions, plan, seed, inputs by name, outputs by their path inside the report."""

    plan: str
    synthetic: bool
    internal: bool
    seed: int | None
    versions: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, Output]

    def to_json(self) -> str:
        """Return the manifest as JSON with sorted keys."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def installed_versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of the libraries that the numbers pass through."""
    return {PACKAGE: version(PACKAGE), "python": platform.python_version(), **{n: version(n) for n in LIBRARIES}}


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()
