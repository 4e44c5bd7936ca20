"""What becomes of the SVG that pygal draws, before it goes into a page.

Its own styles, scripts, comments and the parts for them go; links are plain; screen readers find
lists of links instead of shapes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_XLINK = "{http://www.w3.org/1999/xlink}href"

# Classes of what only pygal's script or nobody needs.
_NEEDLESS = frozenset({"background", "plot tooltip-overlay", "titles"})

# Radius around a dot within which a finger or pointer meets it.
_REACH = 8

#: Pixels from one horizontal bar to the next, and of its own.
ROW, THICKNESS = 50, 18

# Pixels from the bar to the letters of its label.
_GAP = 5

_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+")


def finished(
    root: Any,  # noqa: ANN401 - an element
    *,
    title: str,
    names: Sequence[str],
    colours: Sequence[str] = (),
) -> Any:  # noqa: ANN401
    """The SVG called `title` as it is shown; `names` are those of its series.

    So are `colours`, each the end of a class `color-…`; without any the colours go by number.
    """
    for link in root.iter("a"):
        _make_plain(link)
    _take_out(root)
    _tell_readers(root, title, names)
    if colours:
        _colour(root, colours)
    for graph in root.iterfind("g[@class='graph thin-graph horizontal']"):
        _lift_labels(graph)
    _round(root)
    return root


def _take_out(root: Any) -> None:  # noqa: ANN401
    root.attrib.pop("id", None)
    for parent in list(root.iter()):
        for child in list(parent):
            if _is_needless(parent, child):
                parent.remove(child)


def _is_needless(parent: Any, child: Any) -> bool:  # noqa: ANN401
    if not isinstance(child.tag, str) or child.tag == "defs":  # the former is a comment
        return True
    name = child.get("class", "")
    if child.tag == "desc" or name in _NEEDLESS:
        return True
    if child.tag == "title":
        return bool(parent.tag != "a")
    # Bars of nothing, which are those without a link.
    return name == "bar" and child.find("a") is None and parent.get("class") == "bars"


def _make_plain(link: Any) -> None:  # noqa: ANN401
    """A link as in any page: an address, and the title for the pointer as a name for readers."""
    address, name = link.get(_XLINK), link.find("title").text
    link.attrib.clear()
    link.set("href", address)
    link.set("aria-label", name)
    for dot in link.findall("circle"):
        reach = {"class": "reach", "cx": dot.get("cx"), "cy": dot.get("cy"), "r": str(_REACH)}
        link.insert(1, link.makeelement("circle", reach))


def _tell_readers(root: Any, title: str, names: Sequence[str]) -> None:  # noqa: ANN401
    root.set("role", "group")
    root.set("aria-label", title)
    for node in root.iter("g"):
        kinds = node.get("class", "").split()
        if kinds[:1] == ["axis"] or "text-overlay" in kinds:
            node.set("aria-hidden", "true")  # the names of the links have it all
        elif kinds[:1] == ["series"] and node.find(".//a") is not None:
            number = next(kind for kind in kinds if kind.startswith("serie-"))
            node.set("role", "list")
            node.set("aria-label", names[int(number.removeprefix("serie-"))])
        elif kinds in (["bar"], ["dots"]):
            node.set("role", "listitem")


def _colour(root: Any, colours: Sequence[str]) -> None:  # noqa: ANN401
    """Gives each series its class, where pygal only numbers them."""
    for node in root.iter("g"):
        if found := re.fullmatch(r"series serie-([0-9]+) color-[0-9]+", node.get("class", "")):
            node.set("class", f"series serie-{found[1]} color-{colours[int(found[1])]}")


def _lift_labels(graph: Any) -> None:  # noqa: ANN401
    """Puts each label above its bar and the number behind it; the uppermost bar comes first."""
    for bars in graph.iterfind(".//g[@class='bars']"):
        bars[:] = reversed(bars)  # drawn from the bottom
        rectangles = list(bars.iter("rect"))
    labels = list(graph.iterfind(".//text[@class='label']"))
    numbers = list(graph.iterfind(".//text[@class='value']"))
    for bar, label, number in zip(reversed(rectangles), labels, numbers, strict=True):
        top = float(bar.get("y"))
        label.set("x", bar.get("x"))
        label.set("y", str(top - _GAP))
        number.set("x", str(float(bar.get("x")) + float(bar.get("width")) + _GAP))
        number.set("y", str(top + THICKNESS / 2 + _GAP))


def _round(root: Any) -> None:  # noqa: ANN401
    """One decimal is enough, and makes the page a third smaller."""
    for node in root.iter():
        for name in ("x", "y", "width", "height", "cx", "cy", "d"):
            if text := node.get(name):
                node.set(name, _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", text))
