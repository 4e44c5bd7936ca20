"""Compare the scopes of a failure: requested, listed by the app, and granted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.diagnosis.app_check import errors_of
from oauth_helper.failures.model import Failure


@dataclass(frozen=True, slots=True)
class ScopeRow:
    """A scope. `in_app` is None when the app is unknown; `differs` says what is wrong."""

    name: str
    requested: str
    in_app: str | None
    granted: str
    differs: str

    @property
    def state(self) -> str:
        """Return what holds for the scope, in words."""
        app = "" if self.in_app is None else f"in the app: {self.in_app}"
        granted = {"yes": "granted", "no": "not granted"}.get(self.granted, "")
        return ", ".join(filter(None, (self.requested, app, granted)))


def alike(rows: Iterable[ScopeRow]) -> list[tuple[str, list[str]]]:
    """Return the names of scopes for which the same holds, with what holds for them."""
    by_state = sorted(rows, key=lambda row: row.state)
    return [
        (state, [row.name for row in same])
        for state, same in groupby(by_state, key=lambda row: row.state)
    ]


# What is wrong with a scope, in few words.
_WRONG: dict[str, str] = {
    Cause.URL_MISSING_REQUIRED_SCOPE: "not requested",
    Cause.URL_REQUESTS_UNCONFIGURED_SCOPE: "not in the app",
    Cause.SCOPE_IN_WRONG_PARAMETER: "wrong parameter",
    Cause.INVALID_SCOPE_NAME: "unknown name",
}


def scope_rows(failure: Failure, profile: Profile | None) -> list[ScopeRow]:
    """Return every scope that is requested, granted or at issue; those that differ first.

    A refresh requests none: its record has what was granted.
    """
    wrong = _wrong_by_app(failure, profile)
    names = dict.fromkeys(
        (*failure.missing, *wrong, *failure.requested.all, *(failure.granted or ()))
    )
    rows = [_row(name, failure, profile, wrong.get(name, "")) for name in names]
    return sorted(rows, key=lambda row: not row.differs)


def _wrong_by_app(failure: Failure, profile: Profile | None) -> dict[str, str]:
    """Return what the app's current configuration says against the request, by scope."""
    if profile is None or failure.stage is Stage.REFRESH:
        return {}
    checked = profile.preflight(failure.requested)
    if checked is None:
        return {}
    return {
        name: _WRONG.get(problem.code, str(problem.code).replace("_", " "))
        for problem in errors_of(checked)
        if problem.code is not Cause.REDIRECT_URI_MISMATCH
        for name in problem.scopes
    }


def _row(name: str, failure: Failure, profile: Profile | None, wrong: str) -> ScopeRow:
    parameters = {
        "required": failure.requested.scope,
        "optional": failure.requested.optional_scope,
    }
    app = profile.app if profile else None
    granted = "not known" if failure.granted is None else _yes(name in failure.granted)
    return ScopeRow(
        name=name,
        requested=""
        if failure.stage is Stage.REFRESH
        else " and ".join(kind for kind, names in parameters.items() if name in names)
        or "not requested",
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
    return "affected" if name in failure.missing else ""


def _yes(is_so: bool) -> str:  # noqa: FBT001 - a word for each
    return "yes" if is_so else "no"
