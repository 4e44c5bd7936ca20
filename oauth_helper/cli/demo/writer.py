"""Writes the demonstration's attempts as the program writes real ones, and what staff do then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from oauth_helper.cli.demo.scenario import Try, body_of, document, mended_by, message_of
from oauth_helper.common.secrets import Secret
from oauth_helper.diagnosis import Cause, Evidence, Stage
from oauth_helper.failures.model import CUSTOMER, Failure, Status
from oauth_helper.failures.record import build_failure, evidence_at_hubspot
from oauth_helper.failures.triage import (
    add_report,
    assign,
    comment,
    reopen,
    resolve,
    resolve_as_connected,
)
from oauth_helper.hubspot.authorization_response import Declined
from oauth_helper.hubspot.token_response import Granted, read_token_response
from oauth_helper.models import Connection, Tokens
from oauth_helper.oauth.client.report import Reports
from oauth_helper.oauth.client.start import certain_refusals
from oauth_helper.scopes import AppConfiguration
from oauth_helper.store.outbox.events import ErrorReported

if TYPE_CHECKING:
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.failures import Failures

#: Those who work on the failures. Roles, and nobody's names.
STAFF = ("agent", "lead", "second-line")

_TIMEOUT, _HOUR, _DAY = 900, 3600, 86_400

Step = tuple[float, Callable[[Failure], Failure]]


@dataclass(slots=True)
class Demonstration:
    """Writes tries, in the order of time. `now` is in Unix seconds."""

    attempts: Attempts
    failures: Failures
    connections: Connections
    now: float
    chance: Random
    _latest: dict[str, Connection] = field(default_factory=dict, init=False)
    _failed: dict[tuple[str, int | str], list[str]] = field(default_factory=dict, init=False)

    def write(self, tries: Iterable[Try]) -> Counter[str]:
        """Writes all; how many of each: `failures`, `connected`, `accounts`."""
        done: Counter[str] = Counter()
        for each in tries:
            # Nothing that a running program would take for overdue while it is being written.
            self.attempts.create(replace(each.attempt, deadline=int(self.now) + _HOUR))
            if each.scenario is None:
                self._connect(each)
                done["connected"] += 1
            else:
                done["failures"] += self._fail(each, each.scenario)
        for connection in self._latest.values():
            # The sandbox has never issued them: revoking says that it does not know them.
            secret = Secret("demonstration")
            self.connections.save(connection, Tokens(secret, secret))
        done["accounts"] = len(self._latest)
        return done

    def _fail(self, each: Try, scenario: Mapping[str, Any]) -> bool:
        attempt, way = each.attempt, scenario["way"]
        if way == "page":
            failure = self._reported(each, message_of(scenario, attempt, each.profile))
        else:
            failure = self._recorded(each, scenario)
        self.attempts.finish(attempt.reference, "failed")
        if failure is None:
            return False
        for whom in (attempt.browser_id, failure.hub_id):
            if whom is not None:
                self._failed.setdefault((attempt.profile, whom), []).append(attempt.reference)
        steps = self._work(each, failure, scenario)
        if steps:
            self.failures.change(attempt.reference, partial(_after, steps=steps))
        return True

    def _reported(self, each: Try, message: str) -> Failure | None:
        """The failure by what somebody told of HubSpot's page; some are missed before that."""
        told_at = each.attempt.started_at + self.chance.uniform(40, 400)
        by = CUSTOMER if self.chance.random() < 0.8 else self.chance.choice(STAFF)
        if self.chance.random() < 0.4:
            told_at = min(self.now, told_at + _TIMEOUT + self.chance.expovariate(1 / _HOUR))
            if told_at > each.attempt.started_at + _TIMEOUT + 20:
                self._silent(each)
        reporting = Reports(
            attempts=self.attempts,
            failures=_FirstTimers(self.failures),  # type: ignore[arg-type]
            writer=_Writer(self.failures),  # type: ignore[arg-type]
            clock=lambda: min(self.now, told_at),
        )
        return reporting.report(each.profile, each.attempt, message, by=by)

    def _recorded(self, each: Try, scenario: Mapping[str, Any]) -> Failure | None:
        if scenario["way"] == "silence":
            return self._silent(each)
        granted = _granted(each, scenario)
        failure = build_failure(
            each.profile,
            each.attempt,
            _evidence(each, scenario, self.chance),
            at=min(self.now, each.attempt.started_at + self.chance.uniform(1, 90)),
            granted=granted,
            hub_id=each.account if granted is not None or self.chance.random() < 0.5 else None,
        )
        return failure if self.failures.record(failure) else None

    def _silent(self, each: Try) -> Failure | None:
        attempt, profile = each.attempt, each.profile
        evidence = evidence_at_hubspot(
            profile,
            attempt,
            worked=self.attempts.has_succeeded(profile.fingerprint(attempt.requested)),
            waited_seconds=_TIMEOUT,
            earlier=_FirstTimers(self.failures).earlier_causes(
                attempt.reference, attempt.browser_id
            ),
        )
        at = min(self.now, attempt.started_at + _TIMEOUT + self.chance.uniform(0, 15))
        account = each.account if self.chance.random() < 0.3 else None
        failure = build_failure(profile, attempt, evidence, at=at, hub_id=account)
        return failure if self.failures.record(failure) else None

    def _work(self, each: Try, failure: Failure, scenario: Mapping[str, Any]) -> list[Step]:
        """What staff do with it: nothing with many that are new, and most of the old ones."""
        chance, steps = self.chance, list[Step]()
        at = max([failure.at, *(event.at for event in failure.history)])

        def later(mean: float) -> float:
            nonlocal at
            at += 60 + chance.expovariate(1 / mean)
            return at

        who = chance.choice(STAFF)
        if chance.random() < 0.6:
            steps.append(_step(assign, later(2 * _HOUR), who, to=who))
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
            steps.append(_step(comment, later(3 * _HOUR), who, text=chance.choice(_notes())))
        if chance.random() < 0.65:
            text = mended_by(scenario, each.attempt, each.profile)
            steps.append(_step(resolve, later(_DAY), who, text=text))
            if chance.random() < 0.08:
                again = "It happened again."
                steps.append(_step(reopen, later(_DAY), chance.choice(STAFF), text=again))
        return [step for step in steps if step[0] < self.now]

    def _connect(self, each: Try) -> None:
        """The connection, and the failures of account and person that it makes up for."""
        attempt, profile = each.attempt, each.profile
        at = min(self.now, attempt.started_at + self.chance.uniform(15, 120))
        connection = Connection(
            id=f"{profile.name}.{each.account}",
            profile=profile.name,
            hub_id=each.account,
            granted=attempt.requested.all,
            missing_optional=(),
            connected_at=int(at),
            expires_at=int(at) + 1800,
            reference=attempt.reference,
        )
        if not attempt.client:  # else the client has the tokens
            self._latest[connection.id] = connection
        self.attempts.finish(attempt.reference, "connected")
        self.attempts.record_success(
            profile.fingerprint(attempt.requested),
            attempt.browser_id,
            profile.name,
            attempt.reference,
            at,
        )
        # What `Failures.open_failures_of` would find, without looking through all days each time.
        found = [
            reference
            for whom in (each.account, attempt.browser_id)
            for reference in self._failed.pop((profile.name, whom), ())
        ]
        for reference in dict.fromkeys(found):
            self.failures.change(reference, partial(_made_up, at=at, by=attempt.reference))


@dataclass(frozen=True, slots=True)
class _FirstTimers:
    """The log of failures, which is not searched for those of somebody who is there first."""

    failures: Failures

    def earlier_causes(self, reference: str, browser_id: str) -> tuple[Cause, ...]:
        if browser_id == reference:
            return ()
        return self.failures.earlier_causes(reference, browser_id)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes reports at once: a demonstration isn't queued."""

    failures: Failures

    def write(self, event: ErrorReported) -> Failure | None:
        first = event.failure.with_event(event.event)
        if self.failures.record(first):
            return first
        refine = partial(add_report, told=event.failure, event=event.event)
        return self.failures.change(first.reference, refine)


def _evidence(each: Try, scenario: Mapping[str, Any], chance: Random) -> Evidence:
    """What the program would have in hand."""
    match scenario["way"]:
        case "callback":
            words = scenario.get("description", "")
            response = Declined(scenario["error"], words)
            return Evidence(stage=Stage.CALLBACK, response=response, message=words)
        case "token":
            answer = read_token_response(
                scenario["http_status"], {}, body_of(scenario, each.attempt)
            )
            refused = None if isinstance(answer, Granted) else answer
            return Evidence(stage=Stage.TOKEN, response=refused, code_age=0)
        case "grant":
            lacking = _lacking(each, scenario)
            needed = each.profile.required.union(each.attempt.requested.scope)
            return Evidence(
                stage=Stage.GRANT,
                missing_required=tuple(name for name in lacking if name in needed),
                missing_optional=tuple(name for name in lacking if name not in needed),
            )
        case _:
            return _stopped(each, scenario, chance)


def _stopped(each: Try, scenario: Mapping[str, Any], chance: Random) -> Evidence:
    """What the check before the redirect finds, for an app that was changed."""
    requested = each.attempt.requested
    required = tuple(scenario.get("required", ()))
    unlisted = chance.sample(
        requested.optional_scope, k=min(scenario.get("unlisted", 0), len(requested.optional_scope))
    )
    app = AppConfiguration(
        required=tuple(dict.fromkeys((*requested.scope, *required))),
        optional=tuple(
            name for name in requested.optional_scope if name not in (*required, *unlisted)
        ),
        redirect_urls=(each.profile.redirect_uri,),
    )
    problems = certain_refusals(replace(each.profile, app=app), requested)
    return Evidence(stage=Stage.PREFLIGHT, problems=problems)


def _lacking(each: Try, scenario: Mapping[str, Any]) -> tuple[str, ...]:
    optional = each.attempt.requested.optional_scope[: scenario.get("lacks_optional", 0)]
    return tuple(scenario.get("lacks", optional))


def _granted(each: Try, scenario: Mapping[str, Any]) -> tuple[str, ...] | None:
    if scenario["way"] != "grant":
        return None
    lacking = _lacking(each, scenario)
    return tuple(name for name in each.attempt.requested.all if name not in lacking)


def _made_up(failure: Failure, *, at: float, by: str) -> Failure:
    if failure.status is Status.RESOLVED:
        return failure
    # Staff have worked on it later than this: it was not mended by that.
    if any(event.at > at for event in failure.history) or failure.at > at:
        return failure
    return resolve_as_connected(failure, at=at, reference=by)


def _after(failure: Failure, *, steps: list[Step]) -> Failure:
    for _, step in steps:
        failure = step(failure)
    return failure


def _step(do: Callable[..., Failure], at: float, by: str, **more: str) -> Step:
    return at, partial(do, at=at, by=by, **more)


def _notes() -> list[str]:
    notes: list[str] = document()["notes"]
    return notes
