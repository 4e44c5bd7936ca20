"""The preflight: what HubSpot will say to an authorize URL, worked out before anybody goes there.

It applies the placement rules and whatever else can be known from the URL, the app's configuration
and the catalogue, and works out both ways to mend the differences: another URL, another app.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from oauth_helper.common.urls import is_ip_address, parse_web_url
from oauth_helper.scopes.app_configuration import AppConfiguration
from oauth_helper.scopes.catalogue import Catalogue, Kind
from oauth_helper.scopes.names import OAUTH, is_scope_token, nearest
from oauth_helper.scopes.placement import Problem, Severity, check_placement
from oauth_helper.scopes.split import RequestedScopes

#: Scopes that are no more, with those that took their place. `contacts` went on 2022-07-31
#: (developers.hubspot.com/changelog).
OUT_OF_USE = {
    "contacts": (
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.companies.read",
        "crm.objects.companies.write",
        "crm.objects.deals.read",
        "crm.objects.deals.write",
        "crm.lists.read",
        "crm.lists.write",
    )
}

# Of many names so many are looked up and shown: a file may hold thousands.
_LOOKED_UP, _SHOWN = 20, 10


@dataclass(frozen=True)
class Preflight:
    """What is known about an authorize URL before anybody opens it.

    `requested` is what the URL asks for, `app` what the app lists. `redirect_uri` is the URL's, or
    empty when only the scopes are looked at.
    """

    requested: RequestedScopes
    app: AppConfiguration
    catalogue: Catalogue
    redirect_uri: str = ""

    @property
    def ok(self) -> bool:
        """Whether HubSpot will show its consent page, as far as anybody can know."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)

    @cached_property
    def refusals(self) -> tuple[Problem, ...]:
        """What makes HubSpot refuse for certain."""
        scopes = check_placement(self.requested.scope, self.requested.optional_scope, self.app)
        return (*scopes, *self._unregistered())

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Every difference, errors first; empty when there is nothing to say."""
        found = (
            *self._badly_written(),
            *self.refusals,
            *self._unacceptable(),
            *self._listed_twice(),
            *self._behind_a_subscription(),
            *self._replaced(),
            *self._unknown(),
        )
        return tuple(sorted(found, key=lambda problem: problem.severity is Severity.WARNING))

    @cached_property
    def corrected(self) -> AppConfiguration:
        """The app that this URL fits, changed no more than that takes.

        What the URL has in `scope` becomes required, or conditionally required where the catalogue
        or the app says so; what it has in `optional_scope` becomes optional, and so does what the
        app requires and the URL lacks. Names that cannot be scopes are left out, and `oauth` that
        is missing from the URL can be mended there only.
        """
        kinds = {name: self._kind_to_list(name) for name in self._names_to_list()}
        urls = self.app.redirect_urls
        if self.redirect_uri and self._urls_are_known and self.redirect_uri not in urls:
            urls = (*urls, self.redirect_uri)
        return replace(
            self.app,
            required=_of_kind(kinds, Kind.REQUIRED),
            conditional=_of_kind(kinds, Kind.CONDITIONAL),
            optional=_of_kind(kinds, Kind.OPTIONAL),
            redirect_urls=urls,
            auth_type="oauth",
        )

    @cached_property
    def mended(self) -> RequestedScopes:
        """The scopes that a URL for the app as it is would ask for, and where.

        A scope that the app does not list is left out, or becomes those that replace it.
        """
        wanted: list[str] = []
        for name in self.requested.all:
            wanted += [name] if self.app.kind_of(name) else self._successors(name)
        wanted = [name for name in dict.fromkeys(wanted) if name not in self.app.required]
        conditional = [name for name in wanted if self.app.kind_of(name) is Kind.CONDITIONAL]
        optional = [name for name in wanted if self.app.kind_of(name) is Kind.OPTIONAL]
        return RequestedScopes((*self.app.required, *conditional), tuple(optional))

    @property
    def _urls_are_known(self) -> bool:
        """Typed lists of scopes and some older files say nothing of redirect URLs."""
        return bool(self.app.redirect_urls) or self.app.lists_redirect_urls

    def _unregistered(self) -> Iterator[Problem]:
        if self.app.auth_type == "static":
            yield Problem(
                "redirect_uri_mismatch",
                (),
                'The app has the auth type "static", which has no redirect URL: '
                "nobody can connect it by OAuth.",
                app_fix='Set the auth type to "oauth" and list the redirect URL.',
            )
        listed = self.app.redirect_urls
        if self.redirect_uri and self._urls_are_known and self.redirect_uri not in listed:
            near = nearest(self.redirect_uri, listed)
            hint = f" It lists {near}, which is not the same." if near else ""
            yield Problem(
                "redirect_uri_mismatch",
                (),
                f"The app does not list the redirect URL {self.redirect_uri}.{hint}",
                url_fix=f"Use {near} as the redirect URL."
                if near
                else "Use a redirect URL that the app lists.",
                app_fix=f"Add {self.redirect_uri} to the redirect URLs, letter by letter.",
            )

    def _unacceptable(self) -> Iterator[Problem]:
        ours = (self.redirect_uri,) if self.redirect_uri else ()
        for url in dict.fromkeys((*ours, *self.app.redirect_urls)):
            if why := why_no_redirect_url(url):
                yield Problem(
                    "redirect_uri_mismatch",
                    (),
                    f"HubSpot does not take the redirect URL {url[:200]}: {why}.",
                    Severity.ERROR if url in ours else Severity.WARNING,
                    app_fix="Use an https address with a host name; http is for localhost only.",
                )

    def _badly_written(self) -> Iterator[Problem]:
        odd = [name for name in self.requested.all if not _is_one_scope(name)]
        joined = [name for name in odd if is_scope_token(name)]
        others = [name for name in odd if name not in joined]
        if joined:
            yield Problem(
                "scopes_badly_encoded",
                tuple(joined),
                f"HubSpot takes {_some(joined)} for one scope: only spaces separate scopes.",
                url_fix="Separate scopes by spaces, encoded once as %20.",
            )
        if others:
            yield Problem(
                "invalid_scope_name",
                tuple(others),
                f"No scope can be named {_some(others)}.",
                url_fix=f"Leave {_some(others)} out.",
            )

    def _listed_twice(self) -> Iterator[Problem]:
        lists = (self.app.required, self.app.conditional, self.app.optional)
        twice = [
            name for name in sorted(self.app.listed) if sum(name in each for each in lists) > 1
        ]
        if twice:
            yield Problem(
                "scope_in_wrong_parameter",
                tuple(twice),
                f"The app lists {_some(twice)} as more than one kind; the strictest counts here.",
                Severity.WARNING,
                app_fix=f"List {_some(twice)} once.",
            )

    def _behind_a_subscription(self) -> Iterator[Problem]:
        gated = {
            name: self.catalogue.by_name[name].subscription
            for name in self.requested.scope
            if name in self.catalogue and self.catalogue.by_name[name].subscription
        }
        if gated:
            names = ", ".join(gated)
            needs = "; ".join(f"{name}: {subscription}" for name, subscription in gated.items())
            yield Problem(
                "account_lacks_feature",
                tuple(gated),
                "Accounts without the subscription are refused, because these stand in `scope`. "
                f"{needs}.",
                Severity.WARNING,
                url_fix=f"Move {names} to `optional_scope`.",
                app_fix=f"List {names} as optional.",
            )

    def _replaced(self) -> Iterator[Problem]:
        for name in dict.fromkeys((*self.requested.all, *sorted(self.app.listed))):
            successors = self._successors_known(name)
            if not successors:
                continue
            listed = [each for each in successors if each in self.app.listed]
            moved = f" The app lists {', '.join(listed)} already." if listed else ""
            yield Problem(
                "deprecated_scope",
                (name,),
                f"HubSpot is replacing {name} by {', '.join(successors)}, app by app; "
                f"an app that has been moved refuses {name}.{moved}",
                Severity.WARNING,
                url_fix=f"Ask for {', '.join(listed or successors)} once the app lists them.",
                app_fix=f"When the app is moved, list {', '.join(successors)} instead.",
            )

    def _unknown(self) -> Iterator[Problem]:
        known = self._known
        names = dict.fromkeys((*self.requested.all, *sorted(self.app.listed)))
        unknown = [name for name in names if name not in known and _is_one_scope(name)]
        for name in unknown[:_LOOKED_UP]:
            meant = self.catalogue.meant_by(name) or nearest(name, known)
            if meant:
                yield Problem(
                    "invalid_scope_name",
                    (name,),
                    f"The catalogue does not know {name}. Did you mean {meant}?",
                    Severity.WARNING,
                    url_fix=f"Ask for {meant}." if name in self.requested.all else "",
                    app_fix=f"List {meant} instead." if name in self.app.listed else "",
                )

    @cached_property
    def _known(self) -> frozenset[str]:
        granular = (name for scope in self.catalogue.scopes for name in scope.replaced_by)
        return frozenset((OAUTH, *self.catalogue.by_name, *granular, *OUT_OF_USE))

    def _successors_known(self, name: str) -> tuple[str, ...]:
        scope = self.catalogue.by_name.get(name)
        return scope.replaced_by if scope and scope.replaced_by else OUT_OF_USE.get(name, ())

    def _successors(self, name: str) -> list[str]:
        return [each for each in self._successors_known(name) if each in self.app.listed]

    def _names_to_list(self) -> Iterable[str]:
        listed = (*self.app.required, *self.app.conditional, *self.app.optional)
        asked = (name for name in self.requested.all if _is_one_scope(name))
        return dict.fromkeys((*listed, *asked))

    def _kind_to_list(self, name: str) -> Kind:
        in_scope = name in self.requested.scope
        in_optional = name in self.requested.optional_scope
        kind = self.app.kind_of(name)
        if name == OAUTH or (in_scope and in_optional):
            return Kind.REQUIRED  # the only kind that may stand in both parameters
        if in_scope and kind in (Kind.REQUIRED, Kind.CONDITIONAL):
            return kind
        if in_scope:
            by_catalogue = self.catalogue.by_name.get(name)
            is_conditional = by_catalogue is not None and by_catalogue.kind is Kind.CONDITIONAL
            return Kind.CONDITIONAL if is_conditional else Kind.REQUIRED
        return Kind.OPTIONAL if in_optional or kind in (Kind.REQUIRED, None) else kind


def why_no_redirect_url(url: str) -> str | None:
    """Why HubSpot does not take `url` as a redirect URL, or None when it does.

    It takes https with a host name, and http for localhost only. As of 2026-11:
    https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth
    """
    if "*" in url:
        return "a wildcard is not allowed"
    parts = parse_web_url(url)
    if parts is None:
        return "it is no https address"
    host = parts.hostname or ""
    if is_ip_address(host):
        return "the host is an IP address"
    if parts.scheme != "https" and host != "localhost":
        return "it is not https"
    return None


def _is_one_scope(name: str) -> bool:
    """Whether `name` can be one scope; "%" and "+" are left behind by encoding a list twice."""
    return is_scope_token(name) and not any(char in name for char in ",;%+")


def _of_kind(kinds: dict[str, Kind], wanted: Kind) -> tuple[str, ...]:
    return tuple(name for name, kind in kinds.items() if kind is wanted)


def _some(names: list[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
