"""The daemon's drawing of a machine for QtSvg, which knows no custom properties, markers or selectors: each element
gets what it looks like as attributes of its own. Pure but for colours."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as xml
from collections.abc import Iterable
from dataclasses import dataclass, field

_SVG = "{http://www.w3.org/2000/svg}"
_TIP = 8.5
# The box of the machine itself says nothing here; above it is its name.
_CROP_TOP, _CROP_SIDE = 26.0, 4.0


@dataclass(frozen=True)
class Colors:
    """What a chart is drawn in, as `#rrggbb`."""

    ground: str
    box: str
    line: str
    ink: str
    quiet: str
    lit: str


LIGHT = Colors("#ffffff", "#f6f7f8", "#aab2bd", "#1b2127", "#56606a", "#167333")
DARK = Colors("#111418", "#191d22", "#4a5562", "#e3e8ed", "#9ba6b1", "#4fc26b")


@dataclass(frozen=True)
class Step:
    """A way that was taken: between leaf states, as events tell it."""

    event: str
    begin: str
    end: str


@dataclass(frozen=True)
class Placed:
    """A state and where it is, in units of the drawing."""

    state: str
    x: float
    y: float
    width: float
    height: float
    compound: bool


@dataclass
class Drawing:
    """One machine's chart, read once; `lit` draws it as often as the state changes."""

    svg: str
    size: tuple[float, float, float, float] = (0, 0, 100, 100)
    states: list[Placed] = field(default_factory=list)

    def __post_init__(self) -> None:
        root = xml.fromstring(self.svg)
        self.size = _numbers(root.get("viewBox", "0 0 100 100"))
        for group in root.iter(f"{_SVG}g"):
            state, rect = group.get("data-state"), group.find(f"{_SVG}rect")
            if state is None or rect is None:
                continue
            x, y, width, height = (_number(rect, name) for name in ("x", "y", "width", "height"))
            if state == "":
                self.size = (
                    x + _CROP_SIDE,
                    y + _CROP_TOP,
                    width - 2 * _CROP_SIDE,
                    height - _CROP_TOP,
                )
            else:
                compound = "compound" in group.get("class", "").split()
                self.states.append(Placed(state, x, y, width, height, compound))

    def state_at(self, x: float, y: float) -> Placed | None:
        """The innermost one there."""
        found = [
            one
            for one in self.states
            if one.x <= x <= one.x + one.width and one.y <= y <= one.y + one.height
        ]
        return min(found, key=lambda one: one.width * one.height, default=None)

    def placed(self, state: str) -> Placed | None:
        """Where a state is, or the nearest one around it that is drawn."""
        around = [one for one in self.states if is_within(state, one.state)]
        return max(around, key=lambda one: len(one.state), default=None)

    def lit(self, colors: Colors, active: str, steps: Iterable[Step] | None = None) -> bytes:
        """The drawing with a state lit. With `steps`, ways that were not taken are faint."""
        root = xml.fromstring(self.svg)
        taken = None if steps is None else list(steps)
        root.set("viewBox", " ".join(f"{one:g}" for one in self.size))
        root.set("width", f"{self.size[2]:g}")
        root.set("height", f"{self.size[3]:g}")
        for child in list(root):
            words = child.get("class", "").split()
            if child.tag in (f"{_SVG}style", f"{_SVG}defs") or "ground" in words:
                root.remove(child)
            elif child.get("data-state") == "":
                root.remove(child)
            elif "state" in words:
                _paint_state(child, words, colors, active, taken)
            elif "way" in words:
                _paint_way(child, words, colors, active, taken)
            elif "label" in words:
                _paint_label(child, colors)
        xml.register_namespace("", _SVG[1:-1])
        return xml.tostring(root)


def is_within(state: str, around: str) -> bool:
    return around == "" or state == around or state.startswith(f"{around}.")


def _paint_state(
    group: xml.Element, words: list[str], colors: Colors, active: str, taken: list[Step] | None
) -> None:
    state = group.get("data-state", "")
    lit = active != "" and is_within(active, state)
    leaf = lit and "compound" not in words
    seen = (
        taken is None
        or lit
        or any(
            is_within(step.begin, state) or is_within(step.end, state)
            for step in taken
            if step.begin
        )
    )
    for rect in group.iter(f"{_SVG}rect"):
        inner = rect.get("class") == "in"
        box = colors.box if "compound" in words else colors.ground
        rect.set("fill", "none" if inner else colors.lit if leaf else box)
        rect.set("stroke", colors.ground if inner and leaf else colors.lit if lit else colors.line)
        rect.set("stroke-width", "2" if lit else "1.5" if seen and taken is not None else "1")
        if not seen:
            rect.set("stroke-opacity", "0.6")
    for text in group.iter(f"{_SVG}text"):
        name = text.get("class") == "name"
        _font(text, 13 if name else 10.5, bold=name and seen)
        ink = colors.ink if name and seen else colors.quiet
        text.set("fill", colors.ground if leaf else ink)


def _paint_way(
    group: xml.Element, words: list[str], colors: Colors, active: str, taken: list[Step] | None
) -> None:
    begin, end = group.get("data-from", ""), group.get("data-to", "")
    events = group.get("data-events", "").split()
    was = taken is not None and any(
        step.event in events and is_within(step.begin, begin) and is_within(step.end, end)
        for step in taken
    )
    possible = taken is None or (active != "" and is_within(active, begin))
    color = colors.ink if was else colors.quiet
    group.set("opacity", "1" if was or possible else "0.3")
    for path in group.findall(f"{_SVG}path"):
        path.set("fill", "none")
        path.set("stroke", color)
        path.set("stroke-width", "2.2" if was else "1.1")
        if "crash" in words:
            path.set("stroke-dasharray", "3 3")
        path.attrib.pop("marker-end", None)
        group.append(_tip(path.get("d", ""), color))
    for dot in group.findall(f"{_SVG}circle"):
        dot.set("fill", color)


def _paint_label(group: xml.Element, colors: Colors) -> None:
    for text in group.iter(f"{_SVG}text"):
        _font(text, 10.5, bold=False)
        text.set("fill", colors.ink if text.get("class") == "event" else colors.quiet)


def _tip(path: str, color: str) -> xml.Element:
    """The arrow head that the drawing has as a marker: where the path ends, in the way that it came."""
    points = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path)]
    tip = xml.Element(f"{_SVG}path", {"fill": color, "stroke": "none"})
    if len(points) < 4:
        return tip
    before_x, before_y, x, y = points[-4:]
    length = math.hypot(x - before_x, y - before_y) or 1.0
    along, across = (x - before_x) / length, (y - before_y) / length
    back_x, back_y = x - _TIP * 0.9 * along, y - _TIP * 0.9 * across
    half = _TIP * 0.42
    left = (back_x - half * across, back_y + half * along)
    right = (back_x + half * across, back_y - half * along)
    tip.set("d", "M" + " L".join(f"{a:.1f} {b:.1f}" for a, b in ((x, y), left, right)) + " Z")
    return tip


def _font(text: xml.Element, size: float, bold: bool) -> None:
    text.set("font-size", f"{size:g}")
    text.set("font-family", "sans-serif")
    text.set("font-weight", "bold" if bold else "normal")


def _number(element: xml.Element, name: str) -> float:
    return float(element.get(name, "0"))


def _numbers(text: str) -> tuple[float, float, float, float]:
    a, b, c, d = (float(one) for one in text.split())
    return a, b, c, d
