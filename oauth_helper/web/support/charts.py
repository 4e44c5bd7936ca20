"""Charts as SVG: drawn by pygal on the server, with links and without script or style.

What pygal adds for its own scripts and stylesheets is taken out, so that the pages' policy stays as
it is; `static/insights.css` gives colours and fonts. The same numbers give the same text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, cast

from markupsafe import Markup

from oauth_helper.failures.insights import Count, Filters, Outcome, Period, Row, Series, day_title
from oauth_helper.web.support.format import connected_of, counted
from oauth_helper.web.support.svg import ROW, THICKNESS, finished

#: Makes an address of the filters of a list.
Link = Callable[[Filters], str]

# Units of the drawings, which are about pixels where there is room.
_WIDE, _HALF, _NARROW = 1080, 520, 300
_FONT = 13

# Of a label above a bar; the whole name is in its link and in the table.
_LONGEST_LABEL = 36

# Pixels for a label below a chart over time, in the larger letters of a small screen too.
_LABEL_WIDTH = 95

# Steps of a scale are these, or ten times, a hundred times as much.
_STEPS = (1, 2, 5)


def _pygal() -> ModuleType:
    """The library, loaded when the first chart is drawn, without what it adds to every import."""
    import pygal

    # It finds its maps in a way that Python 3.11 warns of and later ones no longer ask for.
    sys.meta_path[:] = [each for each in sys.meta_path if type(each).__module__ != "pygal"]
    return cast("ModuleType", pygal)


def causes_chart(periods: Sequence[Period], series: Sequence[Series], *, link: Link) -> Markup:
    """Failures over time as stacked bars, the commonest cause at the bottom."""
    pygal = _pygal()
    most = max(
        (sum(each.counts[place].number for each in series) for place in range(len(periods))),
        default=0,
    )
    chart = pygal.StackedBar(**_over_time(periods, _WIDE), height=320, y_labels=_ticks(most))
    for each in series:
        values = [
            _linked(count, link, each.title, period.title) if count.number else None
            for count, period in zip(each.counts, periods, strict=True)
        ]
        chart.add(each.title, values)
    colours = ["rest" if each.colour is None else str(each.colour) for each in series]
    names = [each.title for each in series]
    return _drawn(chart, "Failures over time, by cause", names, colours)


def ranked_chart(rows: Sequence[Row], title: str, *, link: Link, is_narrow: bool = False) -> Markup:
    """Failures as one bar for each row, the longest on top, with its label above it.

    The narrow one is for small screens: it has the same heights and letters, so shrinks less.
    """
    pygal = _pygal()

    class Thin(pygal.HorizontalBar):  # type: ignore[misc, name-defined]
        _series_margin = (1 - THICKNESS / ROW) / 2
        _serie_margin = 0

    # pygal draws from the bottom to the top.
    shown = [row for row in reversed(rows) if row.count.number]
    chart = Thin(
        **_look(),
        width=_NARROW if is_narrow else _HALF,
        height=ROW * len(shown) + 16,
        margin=4,
        margin_right=16,
        y_labels=[0, max(row.count.number for row in shown)],
        show_x_labels=False,
        show_y_labels=False,
        print_labels=True,
        print_values=True,
        print_values_position="top",
    )
    values = [{**_linked(row.count, link, row.title), "label": _cut(row.title)} for row in shown]
    chart.add(title, values)
    return _drawn(chart, title, [title])


def shares_chart(outcomes: Sequence[Outcome], *, link: Link) -> Markup:
    """The share of attempts that connected over time; a gap where there were none."""
    pygal = _pygal()
    periods = [each.period for each in outcomes]
    chart = pygal.Line(
        **_over_time(periods, _HALF),
        height=260,
        range=(0, 100),
        y_labels=[{"value": share, "label": f"{share} %"} for share in (0, 25, 50, 75, 100)],
        allow_interruptions=True,
        dots_size=5,
    )
    values = [
        None
        if each.over.share is None
        else {
            "value": 100 * each.over.share,
            "xlink": {"href": link(each.failures.filters)},
            "tooltip": f"{connected_of(each.over)}, {each.period.title}",
            "node": {"class": "dot few" if each.over.are_few else "dot"},
        }
        for each in outcomes
    ]
    title = "Share of attempts that connect"
    chart.add(title, values)
    return _drawn(chart, title, [title])


def _linked(count: Count, link: Link, *names: str) -> dict[str, Any]:
    """A bar that leads to its failures."""
    name = f"{counted(count.number, 'failure')}: {', '.join(names)}"
    return {"value": count.number, "xlink": {"href": link(count.filters)}, "tooltip": name}


def _look() -> dict[str, Any]:
    """What all charts have: our own look, no script, and texts of a known size."""
    from pygal.etree import etree
    from pygal.style import Style

    etree.to_etree()  # lxml writes a little differently, where it happens to be installed
    sizes = dict.fromkeys(("label_font_size", "major_label_font_size"), _FONT)
    return {
        "style": Style(**sizes, value_font_size=_FONT),
        "js": [],
        "css": [],
        "no_prefix": True,
        "disable_xml_declaration": True,
        "show_legend": False,
        "truncate_label": -1,
        "value_formatter": "{:,.0f}".format,
    }


def _over_time(periods: Sequence[Period], width: int) -> dict[str, Any]:
    labels = [day_title(period.first) for period in periods]
    every = -(-len(labels) * _LABEL_WIDTH // width)
    return {
        **_look(),
        "width": width,
        # Room for larger letters, where the chart is shown smaller than it is.
        "margin_top": 12,
        "margin_left": 14,
        "margin_right": 34,
        "margin_bottom": 8,
        "x_labels": labels,
        # Counted from today, which matters most.
        "x_labels_major": labels[::-1][::every],
        "show_minor_x_labels": False,
    }


def _ticks(most: int) -> list[int]:
    """Whole numbers for a scale from 0 to `most` or more, at most six."""
    power = 1
    while True:
        for step in _STEPS:
            if most <= 5 * step * power:
                return list(range(0, max(most, 1) + step * power, step * power))
        power *= 10


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def _drawn(
    chart: Any,  # noqa: ANN401 - untyped
    title: str,
    names: Sequence[str],
    colours: Sequence[str] = (),
) -> Markup:
    """The SVG of a chart, safe to put into a page: all texts are escaped by the XML writer."""
    finish = partial(finished, title=title, names=names, colours=colours)
    return Markup(chart.add_xml_filter(finish).render(is_unicode=True))  # noqa: S704 - as it says
