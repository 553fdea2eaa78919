"""Office files whose bytes depend on what is in them alone: the clock is taken out."""

from __future__ import annotations

import io
import re
import zipfile

ZIP_TIME = (2020, 1, 1, 0, 0, 0)
XML_TIME = b"2020-01-01T00:00:00Z"
CORE = "docProps/core.xml"


def fixed_zip(data: bytes) -> bytes:
    """Return an Office file with constant times in its directory and in its core properties."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == CORE:
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", XML_TIME, content)
            new.writestr(_entry(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=ZIP_TIME)
    entry.create_system = 3
    return entry
