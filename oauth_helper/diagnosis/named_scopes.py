"""Which scopes a message names, in brackets, behind a colon, in quotation marks or spelt out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from oauth_helper.diagnosis.normalize import MAX_TEXT, without_wrapping
from oauth_helper.scopes import hubspot_scopes, is_scope_token, shipped_catalogue

_ALLOWS = "access|create|delete|execute|export|import|manage|publish|read|read_write|send|write"
_NAME = r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*"

# What ends a list behind a colon: the end of the sentence or of the line.
_LISTED = re.compile(
    rf"\b(?:scopes?|access|required|permissions?)\b[^.:\[\n]{{0,40}}: ?({_NAME}[^\n]*)"
)

# A scope that a sentence is about: `scope x could not be recognized`, `unknown scope "x"`.
_QUOTED = re.compile(rf"\bscopes?(?: name)?:? ?['\"]({_NAME})['\"]")
_SUBJECT = re.compile(
    rf"\bscope ({_NAME}) "
    r"(?:could|couldn'?t|can'?t|cannot|does|doesn'?t|is|isn'?t|was|wasn'?t|not|required|needed)\b"
)
_SPELT_OUT = re.compile(rf"\b{_NAME}\.(?:{_ALLOWS})\b(?:/[a-z]+)?")
_LIKE_KNOWN = re.compile(r"(?<![\w.])([a-z]+\.[a-z_]+)\.[a-z0-9_]+(?:\.[a-z0-9_]+)?(?![\w.]\w)")
_LACKED = re.compile(
    rf"\b(?:scopes?|token|granted)\b[^.\n]{{0,60}}(?:include|lacks?|missing|needs?) ({_NAME})"
)


def scopes_named(text: str) -> tuple[str, ...]:
    """Return the scopes that a message names, in order, each once.

    HubSpot's pages list them in square brackets since 2026, API errors in their `context`
    (`requiredScopes`, `requiredGranularScopes`). Without brackets those count that are listed
    behind a colon, are the subject of a sentence, or look like none but a scope.
    """
    plain = without_wrapping(text[:MAX_TEXT])
    found = tuple(_in_brackets(plain))
    folded = plain.casefold()
    found = found or tuple(_behind_a_colon(folded)) or tuple(_in_sentences(folded))
    return tuple(dict.fromkeys(found))


def _in_brackets(plain: str) -> Iterator[str]:
    for listed, closed in re.findall(r"\[([^\[\]]{1,3000})(\]|$)", plain):
        *names, last = re.split(r"[,;\s]+", listed)
        whole = closed or _is_known(last)  # otherwise the text may be cut within its last name
        for name in (*names, last) if whole else names:
            small = _small(name.strip("'\""))
            if _is_scope_name(small):
                yield small


def _behind_a_colon(folded: str) -> Iterator[str]:
    """Yield the names of a list that is written for people, such as `a, b and c`."""
    for match in _LISTED.finditer(folded):
        about_scopes = "scope" in match[0][: match.start(1) - match.start()]
        for part in re.split(r",? and |[,;] ?", re.split(r"\.(?:\s|$)", match[1])[0]):
            name = part.strip(" '\".")
            if not re.fullmatch(_NAME, name):
                break
            if _is_scope_name(name) or (about_scopes and _is_legal(name)):
                yield name


def _in_sentences(folded: str) -> Iterator[str]:
    for match in _QUOTED.finditer(folded):
        yield match[1]
    for pattern in (_SUBJECT, _LACKED):
        for match in pattern.finditer(folded):
            if _is_scope_name(match[1]) or (pattern is _SUBJECT and "." in match[1]):
                yield match[1]
                yield from _going_on(folded[match.end(1) :])
    for match in _LIKE_KNOWN.finditer(folded):
        if match[1] in _beginnings():
            yield match[0]
    for match in _SPELT_OUT.finditer(folded):
        first, _, other = match[0].partition("/")
        if re.search(r"\.\w+\.", first) or _is_known(first):
            yield first
            if other:  # `crm.x.read/write` names two
                yield f"{first.rpartition('.')[0]}.{other}"
            yield from _going_on(folded[match.end() :])


def _going_on(rest: str) -> Iterator[str]:
    """Yield the known names that follow a spelt-out one in the same list."""
    while match := re.match(rf"(?:, | and |, and )({_NAME})", rest):
        name = match[1]
        if not _is_scope_name(name):
            return
        yield name
        rest = rest[match.end() :]


def _small(name: str) -> str:
    return name.lower() if name.isupper() else name


def _is_scope_name(name: str) -> bool:
    """Return whether `name` looks like one of HubSpot's: known, or ending in what it allows."""
    return _is_legal(name) and (_is_known(name) or bool(re.search(rf"\.({_ALLOWS})$", name)))


def _is_legal(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9._-]{2,99}", name) is not None and is_scope_token(name)


def _is_known(name: str) -> bool:
    return name in _known_names()


@lru_cache(maxsize=1)
def _beginnings() -> frozenset[str]:
    """Return the first two parts of the names that have more, such as `crm.objects`."""
    return frozenset(
        ".".join(name.split(".")[:2]) for name in _known_names() if name.count(".") > 1
    )


@lru_cache(maxsize=1)
def _known_names() -> frozenset[str]:
    # The last two are in microsoft/PowerPlatformConnectors#2309 and in no specification any more.
    return hubspot_scopes() | frozenset(shipped_catalogue().by_name) | {"reports", "actions"}
