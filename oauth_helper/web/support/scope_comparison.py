"""Compare the scopes of a failure: requested, listed by the app, and granted."""

from __future__ import annotations

from dataclasses import dataclass

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis.app_check import errors_of
from oauth_helper.failures.model import Failure


@dataclass(frozen=True, slots=True)
class ScopeRow:
    """A scope. `in_app` is None when the app is unknown; `differs` says what is wrong."""

    name: str
    requested_in: str
    in_app: str | None
    granted: str
    differs: str


def scope_rows(failure: Failure, profile: Profile | None) -> list[ScopeRow]:
    """Return every scope that is requested, granted or at issue; those that differ first."""
    wrong = _wrong_by_app(failure, profile)
    names = dict.fromkeys(
        (*failure.missing, *wrong, *failure.requested.all, *(failure.granted or ()))
    )
    rows = [_row(name, failure, profile, wrong.get(name, "")) for name in names]
    return sorted(rows, key=lambda row: not row.differs)


def _wrong_by_app(failure: Failure, profile: Profile | None) -> dict[str, str]:
    """Return what the app's current configuration says against the request, by scope."""
    checked = profile.preflight(failure.requested) if profile else None
    if checked is None:
        return {}
    named = {"redirect_uri_mismatch"}
    return {
        name: str(problem.code).replace("_", " ")
        for problem in errors_of(checked)
        if problem.code not in named
        for name in problem.scopes
    }


def _row(name: str, failure: Failure, profile: Profile | None, wrong: str) -> ScopeRow:
    parameters = {
        "scope": failure.requested.scope,
        "optional_scope": failure.requested.optional_scope,
    }
    app = profile.app if profile else None
    granted = "not known" if failure.granted is None else _yes(name in failure.granted)
    return ScopeRow(
        name=name,
        requested_in=" and ".join(place for place, names in parameters.items() if name in names),
        in_app=None if app is None else str(app.kind_of(name) or "not listed"),
        granted=granted,
        differs=wrong or _differs(name, failure),
    )


def _differs(name: str, failure: Failure) -> str:
    if failure.granted is not None and name in failure.requested.all and name != "oauth":
        if name not in failure.granted:
            return "not granted"
    elif failure.granted is not None and name in failure.granted and name != "oauth":
        return "granted without request"
    return "it is about this" if name in failure.missing else ""


def _yes(is_so: bool) -> str:  # noqa: FBT001 - a word for each
    return "yes" if is_so else "no"
