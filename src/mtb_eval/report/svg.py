"""A drawing of matplotlib as a smaller SVG: the same picture with fewer words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import groupby

FAMILY = "DejaVu Sans,Verdana,sans-serif"
SPACE, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
SPACES = re.compile(r"^ +| +$| {2,}")
NUMBER = re.compile(r"-?\d+\.\d{3,}")


def compact(svg: str, name: str) -> ET.Element:
    """Return a drawing as a tree: no metadata, numbers to 2 decimals, ids that begin with `name`.

    Its style is written once as attributes of the root, so that nothing in it speaks of the page around it.
    """
    root = ET.fromstring(svg)
    _clear(root)
    _unwrap(root, _referenced(svg))
    _rename(root, name)
    for element in root.iter():
        _shorten(element)
    for parent in list(root.iter()):
        _gather(parent)
    view = root.attrib["viewBox"]
    width, height = view.split()[2:]
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "width": f"{width}pt", "height": f"{height}pt", "font-family": FAMILY})
    root.attrib.update({"stroke-linejoin": "round", "stroke-linecap": "butt"})
    return root


def words(root: ET.Element) -> str:
    """Return every character that a tree's texts hold."""
    return "".join(t.text or "" for t in root.iter("text"))


def markup(root: ET.Element) -> str:
    """Return a tree as text."""
    return ET.tostring(root, encoding="unicode")


def standalone(svg: str, *, title: str, description: str, name: str) -> str:
    """Return the text of a tree as a file with title and description inside, so that it alone can be read aloud."""
    labelled = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    spaces = f'xmlns="{SPACE}" xmlns:xlink="{XLINK}"'
    words = f'<title id="{name}-title">{_escaped(title)}</title><desc id="{name}-desc">{_escaped(description)}</desc>'
    return f"<svg {spaces} {labelled} {svg[5:]}".replace(">", f">{words}", 1) + "\n"


def embedded(svg: str) -> str:
    """Return the text of a tree for use inside a page that gives its words: hidden from screen readers."""
    return f'<svg aria-hidden="true" focusable="false" {svg[5:]}'.replace("xlink:href=", "href=")


def _clear(root: ET.Element) -> None:
    """Take off what says nothing to the eye: metadata, style sheet, line breaks between elements, namespaces."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        element.text = SPACES.sub(_kept, element.text) if element.tag == "text" and element.text else None
        if HREF in element.attrib:
            element.attrib["xlink:href"] = element.attrib.pop(HREF)
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in ("metadata", "style")]:
            parent.remove(child)


def _kept(spaces: re.Match[str]) -> str:
    """Return spaces that are not folded into one when the text is read."""
    return "\N{NO-BREAK SPACE}" * len(spaces[0])


def _referenced(svg: str) -> set[str]:
    return set(re.findall(r"#([\w-]+)[\")]", svg))


def _unwrap(parent: ET.Element, referenced: set[str]) -> None:
    """Replace groups that change nothing by what they hold."""
    parent[:] = [kept for child in parent for kept in _opened(child, referenced)]


def _opened(element: ET.Element, referenced: set[str]) -> Iterator[ET.Element]:
    _unwrap(element, referenced)
    if element.get("id") not in referenced:
        element.attrib.pop("id", None)
    bare = element.tag in ("g", "defs") and not element.attrib
    if bare and (element.tag == "g" or not len(element)):
        yield from element
    else:
        yield element


def _rename(root: ET.Element, name: str) -> None:
    """Give the elements that others refer to short ids in the order of the drawing."""
    found = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    names = {old: f"{name}-{k}" for k, old in enumerate(dict.fromkeys(found))}
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.attrib[key] = names[value]
            elif "#" in value:
                element.attrib[key] = re.sub(r"#([\w-]+)", lambda m: f"#{names.get(m[1], m[1])}", value)


def _shorten(element: ET.Element) -> None:
    for key, value in element.attrib.items():
        shorter = NUMBER.sub(_rounded, value) if key != "id" else value
        element.attrib[key] = _path(shorter) if key == "d" else shorter
    if "style" in element.attrib:
        element.attrib["style"] = _style(element.attrib["style"])
    if re.match(r"rotate\(-?0 ", element.get("transform", "")):
        del element.attrib["transform"]


def _rounded(number: re.Match[str]) -> str:
    text = f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _path(text: str) -> str:
    """Return a path without needless spaces, level and upright lines as such, none that repeats the one before."""
    kept: list[str] = []
    x = y = ""
    for letter, points in re.findall(r"([A-Za-z])([^A-Za-z]*)", text):
        numbers = points.split()
        step = letter + " ".join(numbers)
        if letter == "L":
            same_x, same_y = numbers[0] == x, numbers[1] == y
            step = f"H{numbers[0]}" if same_y else f"V{numbers[1]}" if same_x else step
        if numbers:
            x, y = numbers[-2:]
        if not (kept and letter == "L" and step == kept[-1]):
            kept.append(step)
    return "".join(kept)


def _style(style: str) -> str:
    parts = [p.strip().replace(": ", ":") for p in style.split(";")]
    return ";".join(p for p in parts if p and not p.startswith("font-family") and p != "text-anchor:start")


def _gather(parent: ET.Element) -> None:
    """Put marks of one style that follow each other into a group that has the style."""
    children: list[ET.Element] = []
    for style, run in groupby(parent, key=lambda c: c.get("style") if c.tag == "use" else None):
        marks = list(run)
        if style is None or len(marks) < 3:
            children += marks
            continue
        group = ET.Element("g", {"style": style})
        for mark in marks:
            del mark.attrib["style"]
        group.extend(marks)
        children.append(group)
    parent[:] = children


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
