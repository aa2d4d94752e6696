"""A renderer's SVG made fit for a page with a strict policy: no style, no script, colours as classes, own ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree as ET

from app.charts.house import GRID, INK, PAPER, SERIES, SOFT

NAMESPACE = "http://www.w3.org/2000/svg"
# Presentation attributes and geometry; everything else is left behind.
KEPT = frozenset((
    "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "transform", "fill", "stroke",
    "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "fill-opacity",
    "opacity", "font-size", "font-weight", "font-style", "text-anchor", "clip-path", "id",
))  # fmt: skip
ELEMENTS = frozenset(("svg", "g", "path", "line", "rect", "circle", "text", "tspan", "defs", "clipPath"))
# The colours of a light page, which charts.css changes; each 4.5 times as dark as white, the grid but for itself.
LIGHT = {
    INK: "#1b2430", SOFT: "#55606e", GRID: "#d5dae1", PAPER: "#ffffff",
    **dict(zip(SERIES, (
        "#4a5562", "#0b5d8a", "#b3410e", "#22703f", "#8a3ba3", "#a3243b",
        "#00716f", "#7a5a00", "#3f51b5", "#b02a78", "#5b6b00", "#6b4a3a",
    ), strict=True)),
}  # fmt: skip
ROLES = {INK: "ink", SOFT: "soft", GRID: "grid", PAPER: "paper"} | {c: f"c-{n}" for n, c in enumerate(SERIES)}
PRINTED = {INK: "#000000", SOFT: "#333333", GRID: "#cccccc", PAPER: "#ffffff"} | dict.fromkeys(SERIES, "#000000")


class About(NamedTuple):
    """What identifies and tells a drawing: `key` begins all its ids."""

    key: str
    title: str
    description: str


def cleaned(text: str, about: About, size: tuple[int, int], way: str, *, plain: bool) -> str:
    """Return the drawing with title and description, class `chart chart-<way>`, its colours as classes.

    `plain` gives black on white, with a font of its own, for a file that stands alone.
    """
    found = ET.fromstring(text)  # noqa: S314  (the renderer's own output, not a stranger's)
    width, height = map(str, size)
    root = _kept(found, about.key, PRINTED if plain else LIGHT, classes=not plain) or ET.Element("svg")
    root.attrib = {
        "xmlns": NAMESPACE, "viewBox": f"0 0 {width} {height}", "class": f"chart chart-{way}", "role": "img",
        "aria-labelledby": f"{about.key}-title {about.key}-desc", "direction": "ltr",
    }  # fmt: skip
    if plain:
        root.attrib |= {"width": width, "height": height, "font-family": "Helvetica, Arial, sans-serif"}
        root.insert(0, ET.Element("rect", {"width": "100%", "height": "100%", "fill": "#ffffff"}))
    for at, (name, told) in enumerate((("title", about.title), ("desc", about.description))):
        element = ET.Element(name, {"id": f"{about.key}-{name}"})
        element.text = told
        root.insert(at, element)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _kept(element: ET.Element, key: str, colours: dict[str, str], *, classes: bool) -> ET.Element | None:
    """Return an element with what is seen of it; None where nothing is."""
    name = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    if name not in ELEMENTS or element.get("display") == "none" or element.get("opacity") == "0":
        return None
    made = ET.Element(name, dict(_attributes(element, key, colours)))
    if classes:
        found = [f"{mark}-{ROLES[value]}" for mark in ("fill", "stroke") if (value := element.get(mark, "")) in ROLES]
        made.attrib |= {"class": " ".join(found)} if found else {}
    made.text = element.text
    made.extend(child for part in element if (child := _kept(part, key, colours, classes=classes)) is not None)
    empty = not len(made) and not made.text
    if name == "path" and made.get("d", "") in ("", "M0,0h0v0h0Z"):
        return None
    return None if empty and name in ("g", "text", "defs") else made


def _attributes(element: ET.Element, key: str, colours: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in (*_styles(element), *element.items()):
        if name not in KEPT:
            continue
        if name == "id":
            yield name, f"{key}-{value}"
        elif value.startswith("url(#"):
            yield name, f"url(#{key}-{value[5:]}"
        elif name in ("fill", "stroke"):
            yield name, colours.get(value, value)
        elif (name, value) not in (("opacity", "1"), ("fill-opacity", "1"), ("stroke-opacity", "1")):
            yield name, _shorter(value) if name in ("d", "transform") else value


def _styles(element: ET.Element) -> Iterator[tuple[str, str]]:
    """What a style attribute says, as attributes."""
    for part in element.get("style", "").split(";"):
        name, _, value = part.partition(":")
        yield name.strip(), value.strip()


def _shorter(value: str) -> str:
    """Numbers with a decimal of a pixel."""
    return re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)
