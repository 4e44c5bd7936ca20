"""Repair authorize URLs copied from terminals, e-mails and chats: wrapped, or with blanks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from oauth_helper.scopes import OAUTH, hubspot_scopes

_PIECES = re.compile(r"\S+|\s+")
_QUOTING = re.compile(r"^[ \t]*(?:[>|] ?)+", re.MULTILINE)
_START = re.compile(r"https?://\S*/oauth\S*")
_NEXT_PARAMETER = re.compile(r"[\w.%~+:/-]*&(?:amp;)?\w+=")
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:[.-][a-z0-9_-]+)*")

# Pieces of a text that are read: more than an authorize URL is wrapped into.
_MOST_PIECES = 2000


def in_one_piece(text: str) -> str:
    """Return `text` with its authorize URL on one line, blanks in it encoded as %20.

    Removes the marks and escapes of an e-mail, and line breaks and indentation where the URL
    clearly continues. Blanks count as %20 between scopes only.
    """
    text = _QUOTING.sub("", text)
    if "=3D" in text:  # an e-mail's source (RFC 2045 section 6.7)
        text = re.sub(r"=\r?\n", "", text).replace("=3D", "=")
    start = _START.search(text)
    if start is None:
        return text
    pieces: list[str] = _PIECES.findall(text[start.start() :])
    if len(pieces) > _MOST_PIECES:
        return text
    url, at = str(pieces[0]), 1
    while at + 1 < len(pieces):
        gap, following = pieces[at], pieces[at + 1 :: 2]
        if "\n" in gap or "\r" in gap:
            last_on_line = at + 2 >= len(pieces) or "\n" in pieces[at + 2]
            joint = "" if _continues(url, following[0], last_on_line=last_on_line) else None
        else:
            joint = "%20" if _is_in_scopes(url) and _are_scopes(following) else None
        if joint is None:
            break
        url += joint + following[0]
        at += 2
    return text[: start.start()] + url + "".join(pieces[at:])


def _continues(url: str, piece: str, *, last_on_line: bool) -> bool:
    """Return whether `piece`, at the start of a line, continues `url`."""
    if piece.startswith(("?", "&", "%")) or url.endswith(("?", "&", "=", "%20", "+", "%")):
        return True
    if "?" not in url:
        return False
    if _NEXT_PARAMETER.match(piece):
        return True
    return last_on_line and _is_in_scopes(url) and "." in piece and bool(_NAME.fullmatch(piece))


def _is_in_scopes(url: str) -> bool:
    """Return whether `url` ends inside the value of `scope` or `optional_scope`."""
    return re.search(r"[?&;](?:optional_)?scope=[^&]*$", url) is not None


def _are_scopes(pieces: Sequence[str]) -> bool:
    """Return whether a list of scopes continues with the first of the separated `pieces`."""
    for number, piece in enumerate(pieces):
        if _NEXT_PARAMETER.match(piece):
            return True
        if not _NAME.fullmatch(piece):
            break
        if number == 0 and (piece in hubspot_scopes() or piece == OAUTH or "." in piece):
            return True
    return False
