"""Who may sign in as support staff, with a password or by OpenID Connect, and in which role."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

from oauth_helper.common.passwords import is_password_hash
from oauth_helper.config.toml_file import SettingsError

Role = Literal["viewer", "agent"]

# Plain addresses only: quoted and non-ASCII ones have forms that look like another one.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+")
_DOMAIN = re.compile(r"@[a-z0-9-]+(\.[a-z0-9-]+)+")
_CLAIM = re.compile(r"([^\s=@]+)=(\S.*)")

_MAX_EMAIL = 254


@dataclass(frozen=True, slots=True)
class SupportUser:
    """A member of the support staff. `password_hash` is what `hash-password` prints."""

    name: str
    password_hash: SecretStr
    role: Role


def parse_support_users(text: str) -> tuple[SupportUser, ...]:
    """Return the users in a list of `name:hash[:role]`. Raises `SettingsError`."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    users, problems = [], []
    for number, entry in enumerate(entries, 1):
        name, _, rest = entry.partition(":")
        hashed, _, role = rest.rpartition(":")
        if role not in ("viewer", "agent"):
            hashed, role = rest, "agent"
        if name and is_password_hash(hashed):
            users.append(
                SupportUser(name, SecretStr(hashed), "viewer" if role == "viewer" else "agent")
            )
        else:
            problems.append(
                f"entry {number} must be name:hash[:role] with a hash from "
                "`python -m oauth_helper hash-password` and the role viewer or agent"
            )
    names = [user.name for user in users]
    problems += [
        f"has the name {name!r} more than once"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if problems:
        raise SettingsError(problems)
    return tuple(users)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A rule that admits staff: `ana@domain.example`, `@domain.example`, or `claim=value`."""

    text: str

    @property
    def claim(self) -> str:
        """Return the claim that the rule compares."""
        return self.text.partition("=")[0] if "=" in self.text else "email"

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Return whether the rule admits a person with these claims."""
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
    """A person who is admitted: under which name, in which role, and by which rule."""

    name: str
    role: Role
    rule: AccessRule


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdSettings:
    """The OpenID provider, our client there, the button's name for it, and who is admitted."""

    issuer: str
    client_id: str
    client_secret: SecretStr
    name: str
    agents: tuple[AccessRule, ...]
    viewers: tuple[AccessRule, ...]

    @property
    def claims(self) -> frozenset[str]:
        """Return the claims that the rules compare."""
        return frozenset(rule.claim for rule in (*self.agents, *self.viewers))

    def admit(self, claims: Mapping[str, Any]) -> StaffIdentity | None:
        """Return the person with these claims if a rule admits them, as an agent if possible."""
        roles: tuple[tuple[Role, tuple[AccessRule, ...]], ...]
        roles = (("agent", self.agents), ("viewer", self.viewers))
        for role, rules in roles:
            for rule in rules:
                if rule.admits(claims):
                    return StaffIdentity(name_in(claims), role, rule)
        return None

    def grant(self, rule: AccessRule, role: str) -> str | None:
        """Return a text that changes with the access by `rule`; None when it is withdrawn."""
        if rule not in (self.agents if role == "agent" else self.viewers):
            return None
        return "\n".join((self.issuer, self.client_id, rule.text, role))


def parse_rules(text: str) -> tuple[AccessRule, ...]:
    """Return the rules in a list. Raises `SettingsError`."""
    rules = [parse_rule(entry.strip()) for entry in text.split(",") if entry.strip()]
    problems = [
        f"entry {number} must be an e-mail address, @domain.example or claim=value, with a claim "
        "other than email"
        for number, rule in enumerate(rules, 1)
        if rule is None
    ]
    if problems:
        raise SettingsError(problems)
    return tuple(rule for rule in rules if rule)


def parse_rule(text: str) -> AccessRule | None:
    """Return the rule that `text` states, or None.

    `email=…` isn't a rule, because it would admit an address that the provider hasn't verified.
    """
    if found := _CLAIM.fullmatch(text):
        return None if found[1] in ("email", "email_verified") else AccessRule(text)
    lower = text.lower()
    pattern = _DOMAIN if lower.startswith("@") else _EMAIL
    return AccessRule(lower) if pattern.fullmatch(lower) else None


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """Return the e-mail address in lower case, if the provider has verified it."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        return None
    # Before lower(): the Kelvin sign would become an ordinary k.
    if not email.isascii() or len(email) > _MAX_EMAIL:
        return None
    lower = email.lower()
    return lower if _EMAIL.fullmatch(lower) else None


def name_in(claims: Mapping[str, Any]) -> str:
    """Return a person's name for records: from the verified address, or the name they chose.

    A hash follows it, so that names are unique: of the address, which itself is never recorded, or
    of the subject.
    """
    email = verified_email(claims)
    chosen = email.partition("@")[0] if email else claims.get("preferred_username")
    whole = email or f"{claims['iss']}\n{claims['sub']}"
    shown = re.sub(r"[^\w.+-]", "", chosen)[:60] if isinstance(chosen, str) else ""
    return f"{shown}#{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
