"""What `check` and `diagnose` say.

Texts are wrapped at `width` columns, or not at all when it is None, so that a program that reads
them finds each on one line. Nothing from outside gets to steer the terminal.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import TextIO

import click

from oauth_helper.common.redaction import harmless
from oauth_helper.diagnosis.app_check import errors_of, tally
from oauth_helper.diagnosis.explanation import Explanation
from oauth_helper.scopes import Preflight, Problem, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}

# Lines that are longer than this are hard to read, however wide the terminal is.
_WIDEST, _NARROWEST = 100, 30


def width_of(stream: TextIO) -> int | None:
    """The columns of the terminal that `stream` is; None for a file or another program."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def check_text(
    checked: Preflight, *, file: str, against: str, fixed: Preflight | None, width: int | None
) -> str:
    """What a check has found. `fixed` is the check of the corrected file, if that is printed."""
    lines = [_wrapped(_heading(checked, file, against), width), ""]
    for problem in checked.problems:
        lines += [*_problem_lines(problem, width), ""]
    lines.append(_verdict(checked))
    hint = _hint(checked) if fixed is None else _after_fixing(fixed)
    return "\n".join([*lines, *([_wrapped(hint, width)] if hint else [])])


def explanation_text(explanation: Explanation, width: int | None) -> str:
    """A diagnosis: the likeliest cause, the others, what would decide, and who can mend it."""
    first, *others = explanation.candidates
    words = first.words
    lines = [_titled(words.title, first.cause), _wrapped(words.explained, width), ""]
    lines.append(_wrapped(first.why, width, "Why: "))
    if explanation.scopes:
        lines.append(_wrapped(", ".join(explanation.scopes), width, "Scopes: "))
    if others:
        lines.append(_wrapped(words.distinguishing_sign, width, "How to tell: "))
        lines += ["", click.style("It may also be", bold=True)]
    for other in others:
        more = other.words
        lines.append(_wrapped(f"{more.title} ({other.cause})", width, "- "))
        lines.append(_wrapped(other.why, width, "  "))
        lines.append(_wrapped(more.distinguishing_sign, width, "  How to tell: "))
    if explanation.next_question:
        lines += ["", click.style("What would decide", bold=True)]
        lines.append(_wrapped(explanation.next_question, width))
    for fix in explanation.fixes:
        lines += ["", click.style(f"{fix.who.title} can mend it", bold=True)]
        lines += [
            _wrapped(step, width, f"{number}. ") for number, step in enumerate(fix.steps, start=1)
        ]
    if words.links:
        lines += ["", click.style("HubSpot's own pages on this", bold=True)]
        lines += [_wrapped(f"{link.title}: {link.url}", width, "- ") for link in words.links]
    return "\n".join(lines)


def _heading(checked: Preflight, file: str, against: str) -> str:
    url = f"redirect URL {checked.redirect_uri}" if checked.redirect_uri else "no redirect URL"
    scope, optional = len(checked.requested.scope), len(checked.requested.optional_scope)
    return (
        f"{file}, compared with {against}: {url}, "
        f"{scope} in `scope` and {optional} in `optional_scope`."
    )


def _problem_lines(problem: Problem, width: int | None) -> Iterator[str]:
    marker = click.style(f"{problem.severity:<7}", fg=_COLOURS[problem.severity], bold=True)
    yield f"{marker}  {problem.code}"
    yield _wrapped(problem.message, width, "  ")
    if problem.url_fix:
        yield _wrapped(problem.url_fix, width, "  in the link: ")
    if problem.app_fix:
        yield _wrapped(problem.app_fix, width, "  in the app:  ")


def _verdict(checked: Preflight) -> str:
    counted = tally(checked.problems)
    if checked.ok:
        also = f" {counted}." if counted else ""
        return click.style("Fits: HubSpot will accept this link.", fg="green", bold=True) + also
    return click.style(f"{counted}: HubSpot will refuse this link.", fg="red", bold=True)


def _hint(checked: Preflight) -> str:
    if checked.ok:
        return ""
    if checked.corrected == checked.app:
        return "Only the link can mend that; the file may stay as it is."
    return "`--fix` prints the file as this link needs it."


def _after_fixing(fixed: Preflight) -> str:
    left = tally(errors_of(fixed))
    return f"{left} left that only the link can mend." if left else "The file printed fits."


def _titled(title: str, cause: str) -> str:
    return f"{click.style(title, bold=True)} ({cause})"


def _wrapped(text: str, width: int | None, first: str = "") -> str:
    plain = " ".join(harmless(text).split())
    if width is None:
        return first + plain
    # Names and addresses stay whole, so that they can be copied.
    return textwrap.fill(
        plain,
        max(_NARROWEST, min(width, _WIDEST)),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
