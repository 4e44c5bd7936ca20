"""What a profile asks for, arranged for pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import abort, request

from oauth_helper.config.profiles import Profile
from oauth_helper.scopes import (
    OAUTH,
    Availability,
    RequestedScopes,
    Scope,
    Sensitivity,
    parse_scope,
)

# All scopes of the shipped catalogue take a fifth of it.
_LONGEST_CHOICE = 8000


def scopes_from_query() -> tuple[str, ...] | None:
    """The optional scopes that the address chooses; None when it does not choose.

    The parameter stands there once, with spaces, or once for each scope, as a form sends it. Ends
    the request in 400 when it is longer than any choice.
    """
    values = request.args.getlist("optional_scope")
    text = " ".join(values)
    if len(text) > _LONGEST_CHOICE:
        abort(400, "The address chooses more scopes than there are.")
    return parse_scope(text) if values else None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a connection by `profile` will ask for.

    `always` cannot be left out; `choices` can, each with whether it is chosen; `requested` is what
    that choice comes to.
    """

    profile: Profile
    always: tuple[Scope, ...]
    choices: tuple[tuple[Scope, bool], ...]
    requested: RequestedScopes

    @property
    def chosen(self) -> int:
        """How many of the choices are chosen."""
        return sum(chosen for _, chosen in self.choices)

    @property
    def sensitive(self) -> int:
        """How many of the chosen ones open something sensitive."""
        return sum(
            chosen and scope.sensitivity is not Sensitivity.NORMAL for scope, chosen in self.choices
        )


def describe_scope_choice(profile: Profile, optional: Collection[str] | None = None) -> Offer:
    """What `profile` offers when `optional` is chosen (None: its default)."""
    requested = profile.requested_scopes(optional)
    everything = profile.requested_scopes(tuple(profile.catalogue.by_name))
    unavoidable = set(profile.requested_scopes(()).all)
    catalogue = profile.catalogue.by_name
    askable = set(everything.all)
    return Offer(
        profile=profile,
        always=tuple(
            scope
            for scope in profile.catalogue.scopes
            if scope.name in unavoidable and scope.name != OAUTH
        ),
        choices=tuple(
            (scope, scope.name in requested.all)
            for scope in catalogue.values()
            if scope.name in askable - unavoidable
            and (scope.availability is Availability.DEFAULT or scope.name in requested.all)
        ),
        requested=requested,
    )


def is_prefetch() -> bool:
    """Whether it is a link checker or a prefetching browser, which must not set anything going."""
    return request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", "")
