"""The filters of a list: those that are set, the choices, and how many failures each finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from flask import request
from flask import url_for as url
from flask_login import current_user

from oauth_helper.diagnosis import Cause, Stage, wording
from oauth_helper.failures.model import Failure, Status
from oauth_helper.failures.query import UNSET, Counts, FailureQuery, Term
from oauth_helper.failures.search import Search, client_key, read_search, write_term
from oauth_helper.web.failure_query import PARAMETERS, TODAY, failure_query_from
from oauth_helper.web.support.services import services

#: The tabs of the list beside those of the states; `status=all` asks for any state.
MINE, ALL = "mine", "all"

# What groups can be searched by: these fields, and the words of what is shown of them.
_OF_GROUPS = ("", "cause", "profile", "status", "scope", "group")

_SPAN_NAMES = {
    TODAY: "today (UTC)",
    "1h": "the last hour",
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
    "30d": "the last 30 days",
}


@dataclass(frozen=True, slots=True)
class Option:
    """A choice for a field. `count` is None when it is unknown."""

    value: str
    title: str
    count: int | None
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the address without it; `named` unless it is in the search box."""

    title: str
    without: str
    named: bool = True


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of an address. `query` has its filter parameters, without empty ones.

    `read_as` is the field, in words, that a search for a mere number or name was taken for.
    """

    endpoint: str
    query: Mapping[str, str]
    wanted: FailureQuery
    search: Search
    read_as: str = ""

    @property
    def tab(self) -> str:
        """Return the tab of the list that shows these failures."""
        if self.query.get("assignee") == current_user.id and self.wanted.status == Status.OPEN:
            return MINE
        return self.wanted.status or ALL

    def tab_address(self, tab: str) -> str:
        """Return the address of a tab, with the other filters."""
        if tab == MINE:
            return self.address(status=Status.OPEN, assignee=current_user.id)
        assignee = None if self.tab == MINE else self.query.get("assignee")
        return self.address(status=tab, assignee=assignee)

    @property
    def problems(self) -> tuple[str, ...]:
        """Return sentences about what in the search is invalid."""
        return self.search.problems

    @property
    def beyond_groups(self) -> list[Term]:
        """Return the conditions that the counters of groups don't know."""
        return [term for term in self.wanted.all_terms if term.field not in _OF_GROUPS]

    def written(self, *fields: str) -> str:
        """Return the part of the search that is about some fields, by default those of groups."""
        kept = fields or _OF_GROUPS
        return " ".join(write_term(term) for term in self.search.terms if term.field in kept)

    def address(self, endpoint: str = "", **changes: str | None) -> str:
        """Return the address with these parameters changed; None removes one."""
        query = {name: value for name, value in {**self.query, **changes}.items() if value}
        path = url(endpoint or self.endpoint)
        return f"{path}?{urlencode(query)}" if query else path

    def chips(self, found: Sequence[Failure] = ()) -> list[Chip]:
        """Return the filters that are set; `found` has failures to describe a group by.

        The state has its tabs, so it isn't among them.
        """
        named = [
            Chip(f"{_FIELD_NAMES[name]}: {self._title(name, value, found)}", self._without(name))
            for name, value in self.query.items()
            if name not in ("q", "status") and not (name == "assignee" and self.tab == MINE)
        ]
        terms = self.search.terms
        words = [
            Chip(
                write_term(term),
                self.address(q=" ".join(write_term(each) for each in terms if each != term)),
                named=False,
            )
            for term in terms
        ]
        return named + words

    def _without(self, name: str) -> str:
        kept = {each: value for each, value in self.query.items() if each != name}
        return replace(self, query=kept).address()

    def options(self, counts: Counts, clients: Iterable[str] = ()) -> dict[str, list[Option]]:
        """Return the choices for each field, those that find most first.

        `clients` are the names of clients with failures.
        """
        profiles = {each.name: each.title for each in services().profiles.values()}
        found = counts.by_field
        return {
            "client": self._clients(clients, found.get("client")),
            "cause": self._choices("cause", {each.value: _plain(each) for each in Cause}, found),
            "profile": self._choices("profile", profiles, found),
            "stage": self._choices("stage", {each.value: each.value for each in Stage}, found),
            "assignee": self._choices("assignee", _assignees(), found),
            "within": self._choices("within", _SPAN_NAMES, found),
        }

    def _choices(
        self, field: str, titles: Mapping[str, str], counts: Mapping[str, Mapping[str, int]]
    ) -> list[Option]:
        chosen = self.query.get(field)
        known = counts.get(field)
        # The current choice stays, even if its profile is gone.
        values = dict.fromkeys([*titles, *(known or ()), *([chosen] if chosen else [])])
        options = [
            Option(
                value,
                titles.get(value, value),
                None if known is None else known.get(value, 0),
                value == chosen,
            )
            for value in values
        ]
        return options if field == "within" else sorted(options, key=_by_count)

    def _clients(self, names: Iterable[str], known: Mapping[str, int] | None) -> list[Option]:
        chosen = self.query.get("client") or None
        # The current choice may be written in another case.
        by_key = {client_key(name): name for name in (chosen or UNSET, UNSET, *names)}
        options = [
            Option(
                name,
                _NO_CLIENT.get(name, name),
                None if known is None else known.get(key, 0),
                chosen is not None and client_key(chosen) == key,
            )
            for key, name in by_key.items()
        ]
        return sorted(options, key=_by_count)

    @staticmethod
    def _title(name: str, value: str, found: Sequence[Failure]) -> str:
        match name:
            case "group" if found:
                return f"{_plain(found[0].cause)}, {found[0].profile}"
            case "cause":
                return _plain(Cause(value))
            case "within":
                return _SPAN_NAMES[value]
            case "assignee":
                return _assignees().get(value, value)
            case "client":
                return _NO_CLIENT.get(value, value)
        return value


_NO_CLIENT = {UNSET: "this program's own pages"}


_FIELD_NAMES = {
    "cause": "Cause",
    "profile": "Profile",
    "client": "Through",
    "status": "State",
    "stage": "Stage",
    "account": "Account",
    "assignee": "Assignee",
    "scope": "Scope",
    "group": "Group",
    "customer": "Customer",
    "within": "Time",
    "since": "From",
    "until": "Before",
}


def filters_from(endpoint: str, query: Iterable[tuple[str, str]] | None = None) -> Filters:
    """Return the filters of this request, or of `query`. ValueError names an invalid one."""
    pairs = request.args.items() if query is None else query
    given = {name: value for name, value in pairs if name in PARAMETERS and value.strip()}
    search = _with_me(read_search(given.get("q", "")))
    named = {name: value for name, value in given.items() if (name, value) != ("status", ALL)}
    filters = Filters(endpoint, given, failure_query_from(named, search), search)
    return _narrowed(filters)


def list_filters_from(endpoint: str, query: Iterable[tuple[str, str]]) -> Filters:
    """Return the same for a page that shows open failures unless its address filters."""
    filters = filters_from(endpoint, query)
    return filters if filters.query else filters_from(endpoint, [("status", Status.OPEN)])


def valid_filters_from(endpoint: str, query: Iterable[tuple[str, str]] | None = None) -> Filters:
    """Return the same. ValueError also names an invalid part of the search."""
    filters = filters_from(endpoint, query)
    if filters.problems:
        raise ValueError(filters.problems[0].rstrip("."))
    return filters


def known_scopes() -> list[str]:
    """Return the names of the scopes of all catalogues."""
    catalogues = (profile.catalogue for profile in services().profiles.values())
    return sorted({name for catalogue in catalogues for name in catalogue.by_name})


def _with_me(search: Search) -> Search:
    """Replace `by:me` and `is:mine` with the name of the signed-in user."""
    mine = {term: replace(term, value=current_user.id) for term in search.terms if _is_me(term)}
    return replace(search, terms=tuple(mine.get(term, term) for term in search.terms))


def _is_me(term: Term) -> bool:
    return term.field == "assignee" and term.value == "me"


def _narrowed(filters: Filters) -> Filters:
    """Take a search for a mere number or scope as its field, which has an index."""
    text = filters.query.get("q", "").strip().lower()
    without = replace(filters.wanted, terms=())
    if re.fullmatch(r"[0-9]{4,15}", text) and not without.account:
        by_account = replace(without, account=text)
        if services().failures.page(by_account, limit=1).failures:
            return replace(filters, wanted=by_account, read_as=f"account {text}")
    if any(text in profile.catalogue for profile in services().profiles.values()):
        return replace(filters, wanted=replace(without, scope=text), read_as=f"scope {text}")
    return filters


def _assignees() -> dict[str, str]:
    users = [user.name for user in services().config.support_users if user.role == "agent"]
    names = dict.fromkeys([current_user.id, *users])
    return {UNSET: "unassigned", **{name: _name(name) for name in names}}


def _name(name: str) -> str:
    return f"me ({name})" if name == current_user.id else name


def _by_count(option: Option) -> tuple[int, str]:
    return (-(option.count or 0), option.title.casefold())


def _plain(cause: Cause) -> str:
    return wording(cause).title.replace("`", "")
