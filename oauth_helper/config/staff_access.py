"""Who comes in by OpenID Connect, with which role, and what they are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from oauth_helper.common.secrets import Secret

Role = Literal["viewer", "agent"]

# Plain addresses only: quoted and non-ASCII ones have forms that look like another one.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+")
_DOMAIN = re.compile(r"@[a-z0-9-]+(\.[a-z0-9-]+)+")
_CLAIM = re.compile(r"([^\s=@]+)=(\S.*)")

# Characters of a name.
_LONGEST = 254


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Lets people in: `ana@domain.example`, `@domain.example`, or `claim=value`."""

    text: str

    @property
    def claim(self) -> str:
        """The claim that it is about."""
        return self.text.partition("=")[0] if "=" in self.text else "email"

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Whether it lets somebody in of whom the provider says this."""
        if self.claim != "email":
            value = self.text.partition("=")[2]
            found = claims.get(self.claim)
            return value in found if isinstance(found, list) else found == value
        email = verified_email(claims)
        if email is None:
            return False
        return email.endswith(self.text) if self.text.startswith("@") else email == self.text


@dataclass(frozen=True, slots=True)
class StaffIdentity:
    """Somebody who comes in: what they are called, with which role, and by which rule."""

    name: str
    role: Role
    rule: AccessRule


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdSettings:
    """The provider, what we are there, what the button calls it, and who comes in."""

    issuer: str
    client_id: str
    client_secret: Secret
    name: str
    agents: tuple[AccessRule, ...]
    viewers: tuple[AccessRule, ...]

    @property
    def claims(self) -> frozenset[str]:
        """The claims that the rules are about."""
        return frozenset(rule.claim for rule in (*self.agents, *self.viewers))

    def admit(self, claims: Mapping[str, Any]) -> StaffIdentity | None:
        """Who the claims say it is, if a rule lets them in; an agent if any rule says so."""
        roles: tuple[tuple[Role, tuple[AccessRule, ...]], ...]
        roles = (("agent", self.agents), ("viewer", self.viewers))
        for role, rules in roles:
            for rule in rules:
                if rule.admits(claims):
                    return StaffIdentity(name_in(claims), role, rule)
        return None

    def grant(self, rule: AccessRule, role: str) -> str | None:
        """A text that changes with what lets somebody in; None when nothing does any more."""
        if rule not in (self.agents if role == "agent" else self.viewers):
            return None
        return "\n".join((self.issuer, self.client_id, rule.text, role))


def parse_rule(text: str) -> AccessRule | None:
    """The rule that `text` states, or None if it states none.

    `email=…` is none: it would take an address that nobody has verified.
    """
    if found := _CLAIM.fullmatch(text):
        return None if found[1] in ("email", "email_verified") else AccessRule(text)
    lower = text.lower()
    pattern = _DOMAIN if lower.startswith("@") else _EMAIL
    return AccessRule(lower) if pattern.fullmatch(lower) else None


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """The e-mail address in small letters, if the provider says that it is theirs."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        return None
    # Before it is made small: the letter K has a twin that becomes an ordinary k.
    if not email.isascii() or len(email) > _LONGEST:
        return None
    lower = email.lower()
    return lower if _EMAIL.fullmatch(lower) else None


def name_in(claims: Mapping[str, Any]) -> str:
    """What to call somebody: as in their verified address, else by the name that they chose.

    A mark stands behind it, so that nobody else has the name: of the address, which itself goes
    into no record, or of the subject.
    """
    email = verified_email(claims)
    chosen = email.partition("@")[0] if email else claims.get("preferred_username")
    whole = email or f"{claims['iss']}\n{claims['sub']}"
    shown = re.sub(r"[^\w.+-]", "", chosen)[:60] if isinstance(chosen, str) else ""
    return f"{shown}#{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
