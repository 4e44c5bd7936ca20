"""The split: which scopes a connection requests, and in which of HubSpot's two parameters."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from oauth_helper.scopes.app_configuration import AppConfiguration
from oauth_helper.scopes.catalogue import Catalogue, Kind, Scope
from oauth_helper.scopes.names import OAUTH

# How many unknown names are named, how many are looked up, and how many characters each shows.
_NAMED, _HINTED, _SHOWN = 10, 5, 100


@dataclass(frozen=True, slots=True)
class RequestedScopes:
    """The scopes of one authorization request, by parameter. Disjoint, ordered, each once."""

    scope: tuple[str, ...]
    optional_scope: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Return both parameters' scopes."""
        return (*self.scope, *self.optional_scope)


class UnknownScopesError(ValueError):
    """Scopes were chosen that aren't in the catalogue.

    `meant` maps each unknown name to the scope that was probably meant, or None.
    """

    def __init__(self, meant: dict[str, str | None]) -> None:
        self.meant = meant
        named = [
            f"{name[:_SHOWN]} (did you mean {likely}?)" if likely else name[:_SHOWN]
            for name, likely in list(meant.items())[:_NAMED]
        ]
        more = f" and {len(meant) - _NAMED} more" if len(meant) > _NAMED else ""
        super().__init__(f"not in the catalogue: {', '.join(named)}{more}")


def split(
    catalogue: Catalogue,
    app: AppConfiguration | None = None,
    *,
    optional: Collection[str] | None = None,
    conditional: Collection[str] = (),
) -> RequestedScopes:
    """Return the scopes to request, each in the parameter where HubSpot expects it.

    Without `app` the catalogue's kinds decide. With it the app's kinds decide, as at HubSpot. What
    the app doesn't list is left out, because HubSpot accepts a subset and rejects anything else;
    only what the catalogue requires stays, so that `check_placement` can name it.

    `optional` narrows the optional scopes (None: those available by default); required ones may be
    among them and change nothing. `conditional` adds conditionally required ones. Raises
    `UnknownScopesError` when either has a scope that isn't in the catalogue. Except for `oauth`,
    only the catalogue's scopes are requested.
    """
    explicit = {*(optional or ()), *conditional}
    chosen = explicit if optional is not None else {*catalogue.default_optional, *conditional}
    _refuse_unknown(catalogue, explicit)

    scope, optional_scope = [OAUTH], []
    for entry in catalogue.scopes:
        kind = _kind_at_hubspot(entry, app)
        always = Kind.REQUIRED in (kind, entry.kind)
        if entry.name == OAUTH or kind is None:
            continue
        if kind is Kind.OPTIONAL and (always or entry.name in chosen):
            optional_scope.append(entry.name)
        elif kind is not Kind.OPTIONAL and (always or entry.name in explicit):
            scope.append(entry.name)
    return RequestedScopes(tuple(scope), tuple(optional_scope))


def _kind_at_hubspot(entry: Scope, app: AppConfiguration | None) -> Kind | None:
    """Return the kind that decides the parameter; None for a scope not to request."""
    if app is None:
        return entry.kind
    listed = app.kind_of(entry.name)
    return Kind.REQUIRED if listed is None and entry.kind is Kind.REQUIRED else listed


def _refuse_unknown(catalogue: Catalogue, chosen: Collection[str]) -> None:
    unknown = sorted(name for name in chosen if name not in catalogue and name != OAUTH)
    if unknown:
        # Guessing what was meant compares with the whole catalogue, and anyone can cause it.
        hinted = {name for name in unknown[:_HINTED] if len(name) <= _SHOWN}
        raise UnknownScopesError(
            {name: catalogue.meant_by(name) if name in hinted else None for name in unknown}
        )
