"""Keeping secrets out of what is recorded: texts from outside may echo what they were sent."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"

_EMAIL = re.compile(r"[\w.%+'-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# Tokens are long runs without a dot or a blank; scope names and correlation ids are shorter.
_BLOB = re.compile(r"[A-Za-z0-9_+/=-]{40,}")
_PARAMETER = re.compile(
    r"(?i)\b(code|state|code_verifier|client_secret|access_token|refresh_token|token)=[^&\s\"'<>]+"
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given secrets, e-mail addresses and anything that looks like a token."""
    # The longest first: of a secret that holds another one, nothing may be left over.
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    text = _PARAMETER.sub(rf"\1={HIDDEN}", text)
    return _BLOB.sub(HIDDEN, _EMAIL.sub(HIDDEN, text))
