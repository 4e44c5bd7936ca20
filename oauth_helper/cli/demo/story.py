"""Write made-up attempts, failures and connections into a store.

All randomness comes from one generator, so the same seed tells the same story.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial, reduce
from importlib import resources
from random import Random
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from oauth_helper.common.references import new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence, Stage
from oauth_helper.failures.model import CUSTOMER, Event, EventType, Failure, Status
from oauth_helper.failures.triage import assign, comment, reopen, resolve, resolve_as_connected
from oauth_helper.hubspot.authorization_response import Declined
from oauth_helper.hubspot.token_response import Granted, Refused, Unavailable, read_token_response
from oauth_helper.models import Attempt, Connection, Tokens
from oauth_helper.oauth.client.outcome import build_failure, evidence_at_hubspot
from oauth_helper.oauth.client.start import certain_refusals
from oauth_helper.sandbox.answers import refusal
from oauth_helper.scopes import AppConfiguration
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.connections import Connections
from oauth_helper.store.failures import Failures

#: The names of the staff.
STAFF = ("agent", "lead", "second-line")

_TIMEOUT, _HOUR, _DAY = 900, 3600, 86_400

# How busy the hours (UTC) and the days from Monday to Sunday are.
_HOURS = (1, 1, 1, 1, 1, 2, 5, 12, 22, 26, 24, 20, 16, 22, 26, 24, 20, 14, 9, 6, 4, 3, 2, 1)
_WEEKDAYS = (10, 11, 10, 10, 8, 2, 1)

_DATA = tomllib.loads(resources.files(__package__).joinpath("scenario.toml").read_text("utf-8"))

Scenario = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Customer:
    """Who connects: with which profile and account, in which language, for which client.

    `name` is that of the link that they got, if any.
    """

    profile: Profile
    account: int
    language: str
    client: str
    name: str


@dataclass(slots=True, kw_only=True)
class Demonstration:
    """Writes the attempts of the last `days` before `now` (Unix seconds)."""

    attempts: Attempts
    failures: Failures
    connections: Connections
    profiles: tuple[Profile, ...]
    now: float
    days: int
    chance: Random
    _accounts: list[int] = field(default_factory=list, init=False)
    _connected: dict[str, Connection] = field(default_factory=dict, init=False)

    def write(self, count: int) -> Counter[str]:
        """Write `count` failures and as many customers without any.

        Returns how many `failures`, `connected` attempts and connected `accounts` there are.
        """
        self._accounts = self.chance.sample(range(20_000_000, 49_000_000), k=max(4, count // 5))
        done: Counter[str] = Counter()
        while done["failures"] < count:
            if self.chance.random() < 0.12:
                done += self._customer(self._during_incident(), 1, _DATA["incident"])
            else:
                # Most customers try once, some again and again.
                (tries,) = self.chance.choices((1, 2, 3, 4), (70, 20, 8, 2))
                tries = min(tries, count - done["failures"])
                done += self._customer(self._some_time(), tries, self._scenario())
        for _ in range(count):
            done += self._customer(self._some_time(), 0, {})
        for connection in self._connected.values():
            # The sandbox hasn't issued it: revoking such a connection says so.
            token = SecretStr("demonstration")
            self.connections.save(connection, Tokens(token, token))
        done["accounts"] = len(self._connected)
        return done

    def _customer(self, at: float, tries: int, scenario: Scenario) -> Counter[str]:
        """Write a customer's attempts: `tries` that fail, and often one that connects."""
        chance, customer = self.chance, self._new_customer(scenario)
        failed: list[tuple[Failure, Scenario]] = []
        connected: Connection | None = None
        for number in range(tries + 1):
            if at > self.now - 60 or (number == tries > 0 and chance.random() < 0.55):
                break
            attempt = self._attempt(customer, at, failed[0][0].reference if failed else "")
            # With a deadline in the future, a running program leaves it alone.
            self.attempts.create(replace(attempt, deadline=int(self.now) + _HOUR))
            if number < tries:
                earlier = tuple(failure.cause for failure, _ in failed)
                failed.append((self._fail(customer, attempt, scenario, earlier), scenario))
            else:
                connected = self._connect(customer, attempt)
            at += chance.choice((chance.uniform(1000, 3 * _HOUR), chance.uniform(_HOUR, 2 * _DAY)))
            # The next error is often the same.
            scenario = scenario if chance.random() < 0.6 else self._scenario()
        for failure, happened in failed:
            self._work(failure, happened, connected)
        return Counter(failures=len(failed), connected=int(connected is not None))

    def _new_customer(self, scenario: Scenario) -> _Customer:
        chance = self.chance
        languages = [language for language, _ in scenario.get("page", ())]
        # Some accounts appear far more often than others.
        account = self._accounts[int(len(self._accounts) * chance.random() ** 2.5)]
        return _Customer(
            profile=self.profiles[0] if chance.random() < 0.6 else chance.choice(self.profiles),
            account=account,
            language=chance.choice(languages or ["en", "en", "en", "de", "fr", "es", "pt", "ja"]),
            client=chance.choice(_DATA["clients"]) if chance.random() < 0.15 else "",
            name=_DATA["customers"][account % len(_DATA["customers"])]
            if chance.random() < 0.6
            else "",
        )

    def _attempt(self, customer: _Customer, at: float, first: str) -> Attempt:
        """Return an attempt; `first` is the reference of the customer's first one, if any."""
        chance, profile, optional = self.chance, customer.profile, None
        if chance.random() < 0.3:
            optional = list(profile.requested_scopes().optional_scope)
            optional = chance.sample(optional, k=min(len(optional), chance.choice((3, 5, 8))))
        reference = new_reference(datetime.fromtimestamp(at, UTC).date(), chance.choice)
        return Attempt(
            reference=reference,
            profile=profile.name,
            requested=profile.requested_scopes(optional),
            started_at=int(at),
            deadline=int(at),
            browser_id=first or reference,
            language=customer.language,
            client=customer.client,
            customer=customer.name.lower().replace(" ", "-"),
            customer_name=customer.name,
        )

    def _fail(
        self,
        customer: _Customer,
        attempt: Attempt,
        scenario: Scenario,
        earlier: tuple[Cause, ...],
    ) -> Failure:
        chance, profile, lacking = self.chance, customer.profile, scenario.get("lacks", ())
        texts = dict(reversed(scenario.get("page", [["", ""]])))
        message = texts.get(attempt.language, next(reversed(texts.values())))
        message = _filled(message, attempt.requested.all, profile.redirect_uri)
        evidence = self._evidence(profile, attempt, scenario, message)
        duration = chance.uniform(1, 90) if evidence.waited_seconds is None else _TIMEOUT + 5
        granted = tuple(name for name in attempt.requested.all if name not in lacking)
        failure = build_failure(
            profile,
            attempt,
            replace(evidence, earlier=earlier),
            at=min(self.now, attempt.started_at + duration),
            granted=granted if lacking else None,
            hub_id=customer.account if lacking or chance.random() < 0.4 else None,
        )
        if message:
            by = CUSTOMER if chance.random() < 0.8 else chance.choice(STAFF)
            failure = failure.with_event(Event(failure.at, EventType.REPORTED, by, message))
        self.failures.record(failure)
        self.attempts.finish(attempt.reference, "failed")
        return failure

    def _evidence(
        self, profile: Profile, attempt: Attempt, scenario: Scenario, message: str
    ) -> Evidence:
        match scenario:
            case {"page": _}:
                return evidence_at_hubspot(profile, attempt, message=message, worked=True)
            case {"callback": [error, description]}:
                declined = Declined(error, description)
                return Evidence(stage=Stage.CALLBACK, response=declined, message=description)
            case {"token": answer}:
                return Evidence(stage=Stage.TOKEN, response=self._refusal(answer), code_age=0)
            case {"lacks": lacking}:
                needed = profile.required.union(attempt.requested.scope)
                return Evidence(
                    stage=Stage.GRANT,
                    missing_required=tuple(name for name in lacking if name in needed),
                    missing_optional=tuple(name for name in lacking if name not in needed),
                )
            case {"app_requires": required}:
                app = AppConfiguration(
                    required=(*attempt.requested.scope, *required),
                    optional=tuple(set(attempt.requested.optional_scope) - set(required)),
                    redirect_urls=(profile.redirect_uri,),
                )
                problems = certain_refusals(replace(profile, app=app), attempt.requested)
                return Evidence(stage=Stage.PREFLIGHT, problems=problems)
            case _:
                return evidence_at_hubspot(profile, attempt, worked=True, waited_seconds=_TIMEOUT)

    def _refusal(self, answer: str) -> Refused | Unavailable:
        sent = refusal(answer, str(UUID(int=self.chance.getrandbits(128), version=4)))
        if sent is None:
            raise ValueError(f"the sandbox's answer {answer} is not an error")
        response = read_token_response(sent.http_status, {}, sent.body.encode())
        if isinstance(response, Granted):
            raise TypeError("an error can't grant anything")
        return response

    def _connect(self, customer: _Customer, attempt: Attempt) -> Connection:
        at = int(min(self.now, attempt.started_at + self.chance.uniform(15, 120)))
        connection = Connection(
            id=f"{customer.profile.name}.{customer.account}",
            profile=customer.profile.name,
            hub_id=customer.account,
            granted=attempt.requested.all,
            missing_optional=(),
            connected_at=at,
            expires_at=at + 1800,
            reference=attempt.reference,
            customer=attempt.customer,
            customer_name=attempt.customer_name,
        )
        self.attempts.succeed(
            attempt.reference,
            customer.profile.name,
            browser_id=attempt.browser_id,
            hub_id=customer.account,
            fingerprint=customer.profile.fingerprint(attempt.requested),
            at=at,
        )
        if not attempt.client:  # otherwise, the client has the tokens
            self._connected[connection.id] = connection
        return connection

    def _work(self, failure: Failure, scenario: Scenario, connected: Connection | None) -> None:
        """Apply what staff do until the customer connects, or until now."""
        chance, at = self.chance, failure.at
        end = connected.connected_at if connected else self.now
        who = chance.choice(STAFF)
        fixed = _filled(scenario["fixed"], failure.requested.all, "")
        steps: list[tuple[float, Callable[..., Failure], Mapping[str, str]]] = [
            (0.6, assign, {"to": who}),
            (0.3, comment, {"text": chance.choice(_DATA["comments"])}),
            (0.6, resolve, {"text": fixed}),
            (0.08, reopen, {"text": "It happened again."}),
        ]
        changes: list[Callable[[Failure], Failure]] = []
        for probability, step, arguments in steps:
            at += 60 + chance.expovariate(1 / (6 * _HOUR))
            if at < end and chance.random() < probability:
                changes.append(partial(step, at=at, by=who, **arguments))
        if connected:
            changes.append(partial(_resolve, connection=connected))

        def work(before: Failure) -> Failure:
            return reduce(lambda current, change: change(current), changes, before)

        self.failures.change(failure.reference, work)

    def _scenario(self) -> Scenario:
        scenarios: list[Scenario] = _DATA["scenarios"]
        return self.chance.choices(scenarios, [each["weight"] for each in scenarios])[0]

    def _some_time(self) -> float:
        """Return a time in the last `days`, more often by day and on weekdays."""
        while True:
            at = self.now - 120 - self.chance.random() * (self.days * _DAY - 300)
            moment = datetime.fromtimestamp(at, UTC)
            busy = _HOURS[moment.hour] * _WEEKDAYS[moment.weekday()]
            if self.chance.random() < busy / (max(_HOURS) * max(_WEEKDAYS)):
                return at

    def _during_incident(self) -> float:
        """Return a time in two hours of the day before yesterday, or half-way through few days."""
        midnight = self.now - self.now % _DAY
        begin = (
            midnight - 2 * _DAY + 13 * _HOUR if self.days > 3 else self.now - self.days * _DAY / 2
        )
        return begin + self.chance.betavariate(2, 3) * 2 * _HOUR


def _resolve(failure: Failure, *, connection: Connection) -> Failure:
    if failure.status is Status.RESOLVED or failure.at > connection.connected_at:
        return failure
    return resolve_as_connected(failure, at=connection.connected_at, reference=connection.reference)


def _filled(text: str, scopes: tuple[str, ...], redirect_uri: str) -> str:
    """Return a text with its placeholders replaced, the same for the same scopes."""
    named = scopes[len(scopes) // 2 :][:2]
    return (
        text.replace("{scopes}", ", ".join(named))
        .replace("{redirect}", redirect_uri)
        .replace("{address}", "https://app.hubspot.com/oauth/authorize")
    )
