"""The figures' typeface, cut down to the letters that are used."""

from __future__ import annotations

import io
from base64 import b64encode
from functools import lru_cache
from pathlib import Path

from fontTools import subset  # type: ignore[import-untyped]
from matplotlib import get_data_path

FACES = {400: "DejaVuSans.ttf", 700: "DejaVuSans-Bold.ttf"}
# Of the layout only kerning is kept, from its short table: the long ones take two thirds of the time.
DROPPED = ["FFTM", "GDEF", "GPOS", "GSUB"]


def font_folder() -> Path:
    """Return the folder of the typefaces that come with matplotlib."""
    return Path(get_data_path()) / "fonts" / "ttf"


def font_faces(text: str) -> str:
    """Return the style rules that bring along DejaVu Sans, regular and bold, with the letters of `text` alone."""
    return _faces("".join(sorted(set(text)))) if text else ""


@lru_cache(maxsize=4)
def _faces(letters: str) -> str:
    return "".join(
        f"@font-face{{font-family:'DejaVu Sans';font-weight:{weight};"
        f"src:url(data:font/woff;base64,{_woff(file, letters)}) format('woff')}}"
        for weight, file in FACES.items()
    )


def _woff(file: str, letters: str) -> str:
    options = subset.Options(hinting=False, flavor="woff", legacy_kern=True)
    options.drop_tables += DROPPED
    font = subset.load_font(str(font_folder() / file), options)
    cut = subset.Subsetter(options)
    cut.populate(text=letters)
    cut.subset(font)
    written = io.BytesIO()
    subset.save_font(font, written, options)
    return b64encode(written.getvalue()).decode("ascii")
