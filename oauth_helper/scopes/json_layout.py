"""What stands between two brackets of a JSON text, with its layout, for taking out and adding.

A comment belongs to the element on whose line it stands. On a line of its own it belongs to none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from oauth_helper.scopes.json_text import SPACING, Child

#: What stands between two elements: line breaks, blanks and comments, one after the other.
Spacing = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a list or a member of an object, with what stands around it.

    `after` stands between it and its comma, `behind` between the comma and the end of the line.
    """

    text: str
    before: Spacing = ()
    after: Spacing = ()
    comma: bool = False
    behind: Spacing = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How elements are set: `spread` is one on a line, each behind `indent`.

    `outer` is the indentation of the line on which the opening bracket stands.
    """

    spread: bool
    line_break: str
    indent: str
    outer: str

    @property
    def before(self) -> Spacing:
        """What stands before an element that is not the first."""
        return (self.line_break, self.indent) if self.spread else (" ",)


@dataclass(frozen=True, slots=True)
class Body:
    """What stands between two brackets: the elements, and `rest` behind the last of them."""

    elements: tuple[Element, ...] = ()
    rest: Spacing = ()

    @property
    def is_spread(self) -> bool:
        """Whether it goes over several lines."""
        return any(map(_is_break, self._parts()))

    @property
    def comma_last(self) -> bool:
        """Whether a comma stands behind the last element."""
        return bool(self.elements) and self.elements[-1].comma

    @property
    def indent(self) -> str | None:
        """The indentation of the last element that begins a line, None when none does."""
        for element in reversed(self.elements):
            if any(map(_is_break, element.before)):
                _, row = _rows(element.before)
                return "".join(row[1:])
        return None

    def written(self, line_break: str) -> str:
        """Its text. A comment that goes to the end of its line is never joined with the next."""
        parts = list(self._parts())
        return "".join(
            part + line_break if part.startswith("//") and not _is_break(following) else part
            for part, following in zip(parts, [*parts, ""][1:], strict=True)
        )

    def _parts(self) -> Iterator[str]:
        for element in self.elements:
            yield from (*element.before, element.text, *element.after)
            yield from ((",", *element.behind) if element.comma else element.behind)
        yield from self.rest


def body_of(text: str, place: Child, children: Sequence[Child]) -> Body:
    """What stands between the brackets at `place` in `text`, which hold `children`."""
    ends = [place.value + 1, *(child.end for child in children)]
    starts = [*(child.begin for child in children), place.end - 1]
    gaps = [
        tuple(SPACING.findall(text[end:start])) for end, start in zip(ends, starts, strict=True)
    ]
    elements: list[Element] = []
    before = gaps[0]
    for child, gap in zip(children, gaps[1:], strict=True):
        comma = "," in gap
        mark = gap.index(",") if comma else len(_to_comment(gap))
        following = gap[mark + comma :]
        behind: Spacing = ()
        if comma and (child is children[-1] or any(map(_is_break, following))):
            behind = _to_comment(following)
        elements.append(Element(text[child.begin : child.end], before, gap[:mark], comma, behind))
        before = following[len(behind) :]
    return Body(tuple(elements), before)


def without(body: Body, stay: Sequence[bool]) -> Body:
    """`body` without the elements that do not stay, and without the comments on their lines."""
    kept: list[Element] = []
    comments: list[str] = []
    gone: Spacing | None = None
    for element, stays in zip(body.elements, stay, strict=True):
        before = element.before
        if gone is not None:
            before = _closed_up(gone, before, first=not kept, keep=bool(comments))
        if stays:
            kept.append(replace(element, before=(*comments, *before)))
            comments, gone = [], None
            continue
        lead, row = _rows(before)
        if any(map(_is_comment, lead)):
            comments.extend(lead)
            lead = ()
        gone = (*lead, *row)
    return Body(tuple(kept), (*comments, *body.rest))


def extended(body: Body, added: Iterable[str], layout: Layout, *, comma: bool) -> Body:
    """`body` with `added` behind its last element; `comma` is whether the last of all has one."""
    elements = [*body.elements, *(Element(text, layout.before) for text in added)]
    rest = body.rest
    if not elements:
        return body if any(map(_is_comment, rest)) else Body()
    if not body.elements:
        lead = rest[: _comment_end(rest)]
        rest = rest[len(lead) :]
        blank = layout.before if layout.spread or lead else ()
        elements[0] = replace(elements[0], before=(*lead, *blank))
        if layout.spread and not any(map(_is_break, rest)):
            rest = (layout.line_break, layout.outer)
        elif not (layout.spread or lead):
            rest = ()
    last = len(elements) - 1
    return Body(
        tuple(
            _with_comma(element, layout, wanted=comma or index < last)
            for index, element in enumerate(elements)
        ),
        rest,
    )


def _closed_up(gone: Spacing, following: Spacing, *, first: bool, keep: bool) -> Spacing:
    """What stands before an element when the one before it goes, which stood behind `gone`.

    `first` is whether the element becomes the first one; `keep` keeps to what it had.
    """
    _, row = _rows(gone)
    if not any(map(_is_break, following)):  # the two stood on one line
        following = (*row, *(following[1:] if following and following[0].isspace() else following))
    if keep or any(map(_is_comment, following)):
        return following
    # The blank line between two groups stays, whichever element of a group goes.
    more = sum(map(_is_break, gone)) > sum(map(_is_break, following))
    return gone if first or more else following


def _rows(before: Spacing) -> tuple[Spacing, Spacing]:
    """The lines before that of the element, and the line break and indentation of its own."""
    breaks = [at for at, part in enumerate(before) if _is_break(part)]
    start = breaks[-1] if breaks else 0
    row = tuple(part for part in before[start : start + 2] if not _is_comment(part))
    return before[:start], row


def _to_comment(spacing: Spacing) -> Spacing:
    """What stands up to the last comment on the line."""
    breaks = (at for at, part in enumerate(spacing) if _is_break(part))
    row = spacing[: next(breaks, len(spacing))]
    return row[: _comment_end(row)]


def _comment_end(spacing: Spacing) -> int:
    return max((at + 1 for at, part in enumerate(spacing) if _is_comment(part)), default=0)


def _with_comma(element: Element, layout: Layout, *, wanted: bool) -> Element:
    if wanted == element.comma:
        return element
    if not wanted:
        return replace(element, after=element.after[: _comment_end(element.after)], comma=False)
    if layout.spread:  # behind a comment a comma would be hard to see, or part of it
        return replace(element, after=(), comma=True, behind=element.after)
    return replace(element, comma=True)


def _is_break(part: str) -> bool:
    return part.startswith(("\r", "\n"))


def _is_comment(part: str) -> bool:
    return part.startswith("/")
