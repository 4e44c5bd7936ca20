"""What `diagnose` says, and how texts are laid out.

Texts are wrapped at `width` columns, or not at all when it is None, so that a program that reads
them finds each on one line. Nothing from outside gets to steer the terminal.
"""

from __future__ import annotations

import shutil
import textwrap
from typing import TextIO

import click

from oauth_helper.common.redaction import harmless
from oauth_helper.diagnosis.explanation import Explanation

# Lines that are longer than this are hard to read, however wide the terminal is.
_WIDEST, _NARROWEST = 100, 30


def width_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal that `stream` is; None for a file or a program."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def explanation_text(explanation: Explanation, width: int | None) -> str:
    """Return a diagnosis: the likeliest cause, the others, what decides, and who can fix it."""
    first, *others = explanation.candidates
    words = first.words
    lines = [_titled(words.title, first.cause), wrapped(words.explained, width), ""]
    lines.append(wrapped(first.why, width, "Why: "))
    if explanation.scopes:
        lines.append(wrapped(", ".join(explanation.scopes), width, "Scopes: "))
    if others:
        lines.append(wrapped(words.distinguishing_sign, width, "How to confirm: "))
        lines += ["", click.style("It may also be", bold=True)]
    for other in others:
        more = other.words
        lines.append(wrapped(f"{more.title} ({other.cause})", width, "- "))
        lines.append(wrapped(other.why, width, "  "))
        lines.append(wrapped(more.distinguishing_sign, width, "  How to confirm: "))
    if explanation.next_question:
        lines += ["", click.style("To confirm", bold=True)]
        lines.append(wrapped(explanation.next_question, width))
    for fix in explanation.fixes:
        lines += ["", click.style(f"How to fix it: {fix.who.title}", bold=True)]
        lines += [
            wrapped(step, width, f"{number}. ") for number, step in enumerate(fix.steps, start=1)
        ]
    if words.links:
        lines += ["", click.style("HubSpot's pages", bold=True)]
        lines += [wrapped(f"{link.title}: {link.url}", width, "- ") for link in words.links]
    return "\n".join(lines)


def _titled(title: str, cause: str) -> str:
    return f"{click.style(title, bold=True)} ({cause})"


def wrapped(text: str, width: int | None, first: str = "") -> str:
    """Return `text`, harmless and wrapped at `width` columns; `first` begins its first line."""
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
