"""The preflight: predict what HubSpot will do with an authorize URL before anyone opens it.

It compares the URL with the app's configuration and the catalogue by the placement rules and
others, and finds both ways to fix each difference: in the URL and in the app.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from oauth_helper.common.urls import is_ip_address, parse_web_url
from oauth_helper.scopes.app_configuration import AppConfiguration, has_variable
from oauth_helper.scopes.catalogue import Catalogue, Kind
from oauth_helper.scopes.hubspot_scopes import OUT_OF_USE, hubspot_scopes
from oauth_helper.scopes.names import OAUTH, is_joined, is_one_scope, misspelt, nearest
from oauth_helper.scopes.placement import Problem, Severity, check_placement
from oauth_helper.scopes.split import RequestedScopes

# How many names are looked up, and how many shown: a file may have thousands.
_LOOKED_UP, _SHOWN = 20, 10


@dataclass(frozen=True)
class Preflight:
    """What is known about an authorize URL before anyone opens it.

    `requested` is what the URL requests, `app` what the app lists. `redirect_uri` is the URL's, or
    empty when only the scopes are compared.
    """

    requested: RequestedScopes
    app: AppConfiguration
    catalogue: Catalogue
    redirect_uri: str = ""

    @property
    def ok(self) -> bool:
        """Return whether HubSpot will show its consent page, as far as that can be known."""
        return not self.errors

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the problems that certainly make HubSpot reject the link."""
        return tuple(each for each in self.problems if each.severity is Severity.ERROR)

    @property
    def errors_of_link(self) -> tuple[Problem, ...]:
        """Return the errors of the link that don't depend on what the app lists."""
        found = (*self._badly_written(), *self._out_of_use(), *self._unacceptable())
        return tuple(each for each in found if each.severity is Severity.ERROR)

    @cached_property
    def refusals(self) -> tuple[Problem, ...]:
        """Return the broken rules that certainly make HubSpot reject the link."""
        return tuple(each for each in self._rules if each.severity is Severity.ERROR)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Return every difference, errors first."""
        if self.app.auth_type == "static":
            return (WITHOUT_OAUTH,)
        found = (
            *self._badly_written(),
            *self._out_of_use(),
            *self._rules,
            *self._unacceptable(),
            *self._listed_twice(),
            *self._behind_a_subscription(),
            *self._replaced(),
            *self._unknown(),
        )
        return tuple(sorted(found, key=lambda problem: problem.severity is Severity.WARNING))

    @cached_property
    def _rules(self) -> tuple[Problem, ...]:
        if self.app.auth_type == "static":
            return (WITHOUT_OAUTH,)
        gone = {name for name in self.requested.all if name in OUT_OF_USE}
        found = check_placement(self.requested.scope, self.requested.optional_scope, self.app)
        # A removed scope is one mistake, wherever it is.
        scopes = (each for each in found if not gone.issuperset(each.scopes))
        return (*scopes, *self._unregistered())

    @cached_property
    def corrected(self) -> AppConfiguration:
        """Return the app with the least changes that make it fit this URL.

        What the URL has in `scope` becomes required, or conditionally required where the catalogue
        or the app says so; what it has in `optional_scope` becomes optional, and so does what the
        app requires and the URL lacks. Illegal names and removed scopes are left out.
        """
        kinds = {name: self._kind_to_list(name) for name in self._names_to_list()}
        urls = self.app.redirect_urls
        if self._lacks_redirect_url and not why_no_redirect_url(self.redirect_uri):
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
    def fixed_request(self) -> RequestedScopes:
        """Return the scopes that a URL for the unchanged app would request, by parameter.

        A scope that the app doesn't list is left out, or replaced by its granular scopes.
        """
        wanted: list[str] = []
        for name in self.requested.all:
            usable = self.app.kind_of(name) and name not in OUT_OF_USE
            wanted += [name] if usable else self._successors(name)
        wanted = [name for name in dict.fromkeys(wanted) if name not in self.app.required]
        conditional = [name for name in wanted if self.app.kind_of(name) is Kind.CONDITIONAL]
        optional = [name for name in wanted if self.app.kind_of(name) is Kind.OPTIONAL]
        return RequestedScopes((*self.app.required, *conditional), tuple(optional))

    @property
    def _urls_are_known(self) -> bool:
        """Return whether the app names its redirect URLs: typed lists and older files may not."""
        return bool(self.app.redirect_urls) or self.app.lists_redirect_urls

    @property
    def _lacks_redirect_url(self) -> bool:
        known = bool(self.redirect_uri) and self._urls_are_known
        return known and not self.app.registers(self.redirect_uri)

    def _unregistered(self) -> Iterator[Problem]:
        if not self._lacks_redirect_url or why_no_redirect_url(self.redirect_uri):
            return
        near = nearest(self.redirect_uri, self.app.redirect_urls)
        hint = f" It lists {near}, which isn't the same." if near else ""
        yield Problem(
            "redirect_uri_mismatch",
            (),
            f"The app doesn't list the redirect URL {self.redirect_uri}.{hint}",
            url_fix=f"Use {near} as the redirect URL."
            if near
            else "Use a redirect URL that the app lists.",
            app_fix=f"Add {self.redirect_uri} to the redirect URLs, exactly as it is here.",
        )

    def _unacceptable(self) -> Iterator[Problem]:
        ours = (self.redirect_uri,) if self.redirect_uri else ()
        for url in dict.fromkeys((*ours, *self.app.redirect_urls)):
            if has_variable(url) or not (why := why_no_redirect_url(url)):
                continue
            use = "Use an https address with a host name; http is for localhost only."
            yield Problem(
                "redirect_uri_mismatch",
                (),
                f"HubSpot doesn't accept the redirect URL {url[:200]}: {why}.",
                Severity.ERROR if url in ours else Severity.WARNING,
                url_fix=use if url in ours else "",
                app_fix="List the same address." if url in ours else use,
                both=url in ours,
            )

    def _badly_written(self) -> Iterator[Problem]:
        odd = [name for name in self.requested.all if not is_one_scope(name)]
        joined = [name for name in odd if is_joined(name)]
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

    def _out_of_use(self) -> Iterator[Problem]:
        for name in dict.fromkeys((*self.requested.all, *sorted(self.app.listed))):
            if name in OUT_OF_USE:
                successors = ", ".join(OUT_OF_USE[name])
                instead = f"those of {successors} that you need"
                asked, listed = name in self.requested.all, name in self.app.listed
                yield Problem(
                    "deprecated_scope",
                    (name,),
                    f"HubSpot has taken {name} out of use. {successors} replace it.",
                    url_fix=f"Request {instead} instead of {name}." if asked else "",
                    app_fix=f"List {instead} instead of {name}." if listed else "",
                    both=asked and listed,
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
                "HubSpot rejects accounts without the subscription, since these are in `scope`. "
                f"{needs}.",
                Severity.WARNING,
                url_fix=f"Move {names} to `optional_scope`.",
                app_fix=f"List {names} as optional.",
            )

    def _replaced(self) -> Iterator[Problem]:
        """Warn about an app that HubSpot is moving; until then its coarse scopes are valid."""
        for name in dict.fromkeys((*self.requested.all, *sorted(self.app.listed))):
            scope = self.catalogue.by_name.get(name)
            successors = scope.replaced_by if scope else ()
            listed = [each for each in successors if each in self.app.listed]
            if listed:
                yield Problem(
                    "deprecated_scope",
                    (name,),
                    f"HubSpot is replacing {name} by {', '.join(successors)}, app by app, and "
                    f"rejects {name} once an app has moved. This one lists "
                    f"{', '.join(listed)} already.",
                    Severity.WARNING,
                    url_fix=f"Request {', '.join(listed)} instead.",
                    app_fix=f"List {', '.join(successors)} when the app is moved.",
                )

    def _unknown(self) -> Iterator[Problem]:
        known = _known_to(self.catalogue)
        names = dict.fromkeys((*self.requested.all, *sorted(self.app.listed)))
        unknown = [
            name
            for name in names
            if name not in known and is_one_scope(name) and not has_variable(name)
        ]
        for name in unknown[:_LOOKED_UP]:
            if meant := meant_by(name, self.catalogue):
                yield Problem(
                    "invalid_scope_name",
                    (name,),
                    f"Neither HubSpot's specifications nor the catalogue know {name}. "
                    f"Did you mean {meant}?",
                    Severity.WARNING,
                    url_fix=f"Request {meant}." if name in self.requested.all else "",
                    app_fix=f"List {meant} instead." if name in self.app.listed else "",
                )

    def _successors(self, name: str) -> list[str]:
        scope = self.catalogue.by_name.get(name)
        known = scope.replaced_by if scope and scope.replaced_by else OUT_OF_USE.get(name, ())
        return [each for each in known if each in self.app.listed]

    def _names_to_list(self) -> Iterable[str]:
        listed = (*self.app.required, *self.app.conditional, *self.app.optional)
        asked = (name for name in self.requested.all if is_one_scope(name))
        return (name for name in dict.fromkeys((*listed, *asked)) if name not in OUT_OF_USE)

    def _kind_to_list(self, name: str) -> Kind:
        in_scope = name in self.requested.scope
        in_optional = name in self.requested.optional_scope
        kind = self.app.kind_of(name)
        if name == OAUTH or (in_scope and in_optional):
            return Kind.REQUIRED  # the only kind that is allowed in both parameters
        if in_scope and kind in (Kind.REQUIRED, Kind.CONDITIONAL):
            return kind
        if in_scope:
            by_catalogue = self.catalogue.by_name.get(name)
            is_conditional = by_catalogue is not None and by_catalogue.kind is Kind.CONDITIONAL
            return Kind.CONDITIONAL if is_conditional else Kind.REQUIRED
        return Kind.OPTIONAL if in_optional or kind in (Kind.REQUIRED, None) else kind


#: The problem of an app that can't be connected by OAuth at all.
WITHOUT_OAUTH = Problem(
    "redirect_uri_mismatch",
    (),
    'The app has the auth type "static": without a redirect URL it can\'t be connected by OAuth.',
    app_fix='Set the auth type to "oauth" and list the redirect URL.',
)


def _known_to(catalogue: Catalogue) -> frozenset[str]:
    granular = (name for scope in catalogue.scopes for name in scope.replaced_by)
    return hubspot_scopes().union((OAUTH, *catalogue.by_name, *granular, *OUT_OF_USE))


def meant_by(name: str, catalogue: Catalogue) -> str | None:
    """Return the scope of the catalogue or of HubSpot that an unknown `name` most likely meant."""
    known = _known_to(catalogue)
    return None if name in known else catalogue.meant_by(name) or misspelt(name, sorted(known))


def why_no_redirect_url(url: str) -> str | None:
    """Return why HubSpot doesn't accept `url` as a redirect URL, or None when it does.

    It accepts https with a host name, and http for localhost only. As of 2026-11:
    https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth
    """
    if "*" in url:
        return "a wildcard isn't allowed"
    parts = parse_web_url(url)
    if parts is None:
        return "it isn't an https address"
    host = parts.hostname or ""
    if is_ip_address(host):
        return "the host is an IP address"
    if parts.scheme != "https" and host != "localhost":
        return "it isn't https"
    return None


def _of_kind(kinds: dict[str, Kind], wanted: Kind) -> tuple[str, ...]:
    return tuple(name for name, kind in kinds.items() if kind is wanted)


def _some(names: list[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
