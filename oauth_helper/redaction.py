"""Keeping secrets out of what is recorded: texts from outside may echo what they were sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

HIDDEN = "[hidden]"

_EMAIL = re.compile(r"[\w.%+'-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# Tokens are long runs without a dot or a blank; scope names and correlation ids are shorter.
_BLOB = re.compile(r"[A-Za-z0-9_+/=-]{40,}")
_NAMES = "code|state|code_verifier|client_secret|access_token|refresh_token|id_token|token"
# As a query, percent-encoded, or as JSON: code=…, code%3D…, "code": "…".
_PARAMETER = re.compile(
    rf"(?i)\b({_NAMES})(=|%3D|[\"']\s*:\s*[\"']|:\s*)(?!\[hidden\])[^&\s\"'<>,;}}]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic) [^\s\"'<>,;]{6,}")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given secrets, e-mail addresses and anything that looks like a token.

    Characters that steer a terminal or turn the direction of a line go too.
    """
    # The longest first: of a secret that holds another one, nothing may be left over.
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    text = harmless(text)
    text = _PARAMETER.sub(rf"\1\2{HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    return _BLOB.sub(HIDDEN, _EMAIL.sub(HIDDEN, text))


def harmless(text: str) -> str:
    """`text` without characters that steer a terminal or turn the direction of a line."""
    return "".join(char for char in text if char in "\n\t" or not _steers(char))


def _steers(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
