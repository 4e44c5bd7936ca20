"""The demonstration's data: who tried to connect when, and what came of it. Pure.

Everything comes from one generator of random numbers, so that the same seed tells the same story.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any

from oauth_helper.common.references import new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.models import Attempt

_DAY, _HOUR = 86_400, 3600

# How busy the hours (UTC) and the days from Monday to Sunday are.
_HOURS = (1, 1, 1, 1, 1, 2, 5, 12, 22, 26, 24, 20, 16, 22, 26, 24, 20, 14, 9, 6, 4, 3, 2, 1)
_WEEKDAYS = (10, 11, 10, 10, 8, 2, 1)

# Of all failures so many in a hundred are of the incident; it lasted two hours.
_OF_THE_INCIDENT, _INCIDENT_SECONDS = 12, 2 * _HOUR

# Failures of one person in a row: most try once, some again and again.
_IN_A_ROW = ((1, 70), (2, 20), (3, 8), (4, 2))

# Of all people so many in a hundred come by a client of the proxy.
_BY_A_CLIENT = 15

# Connections without trouble for each hundred failures.
_CONNECTED = 100


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt. `scenario` is None when it connected. `account` is None where nobody knows."""

    attempt: Attempt
    profile: Profile
    account: int
    scenario: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class _World:
    """What everybody shares. The first profile is the one that most people use."""

    profiles: tuple[Profile, ...]
    accounts: list[int]
    now: float
    chance: Random


def story(
    profiles: tuple[Profile, ...], *, failures: int, days: int, now: float, chance: Random
) -> list[Try]:
    """The attempts of the last `days` in the order of time, of which `failures` fail."""
    world = _World(profiles, _accounts(failures, chance), now, chance)
    incident = _incident(now, days)
    tries: list[Try] = []
    left = failures
    while left > 0:
        if chance.randrange(100) < _OF_THE_INCIDENT:
            at = incident + chance.betavariate(2, 3) * _INCIDENT_SECONDS
            browser_id = list(_person(world, at, 1, document()["incident"]))
        else:
            count = min(left, _pick(_IN_A_ROW, chance))
            browser_id = list(_person(world, _some_time(now, days, chance), count))
        tries += browser_id
        left -= sum(each.scenario is not None for each in browser_id)
    for _ in range(failures * _CONNECTED // 100):
        tries += _person(world, _some_time(now, days, chance), 0)
    return sorted(tries, key=lambda each: (each.attempt.started_at, each.attempt.reference))


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """What can happen, and what staff write about it. See `scenario.toml`."""
    return tomllib.loads(resources.files(__package__).joinpath("scenario.toml").read_text("utf-8"))


def message_of(scenario: Mapping[str, Any], attempt: Attempt, profile: Profile) -> str:
    """What HubSpot's page said to whoever made `attempt`, in their language."""
    texts = [text for language, text in scenario["messages"] if language == attempt.language]
    chance = Random(attempt.reference)  # noqa: S311 - a story, no secret
    return _filled(chance.choice(texts or [scenario["messages"][0][1]]), attempt, profile)


def mended_by(scenario: Mapping[str, Any], attempt: Attempt, profile: Profile) -> str:
    """What staff write when they resolve it."""
    chance = Random(attempt.reference)  # noqa: S311 - a story, no secret
    return _filled(chance.choice(scenario["mended"]), attempt, profile)


def body_of(scenario: Mapping[str, Any], attempt: Attempt) -> bytes:
    """The token endpoint's answer."""
    chance = Random(attempt.reference)  # noqa: S311 - a story, no secret
    parts = [f"{chance.getrandbits(4 * size):0{size}x}" for size in (8, 4, 4, 4, 12)]
    return json.dumps({**scenario["body"], "correlationId": "-".join(parts)}).encode()


def _filled(text: str, attempt: Attempt, profile: Profile) -> str:
    chance = Random(attempt.reference)  # noqa: S311 - a story, no secret
    named = chance.sample(attempt.requested.all[1:], k=min(2, len(attempt.requested.all) - 1))
    return (
        text.replace("{scopes}", ", ".join(named[: chance.choice((1, 1, 2))]))
        .replace("{redirect}", profile.redirect_uri)
        .replace("{address}", "https://app.hubspot.com/oauth/authorize")
    )


def _person(
    world: _World, at: float, count: int, scenario: Mapping[str, Any] | None = None
) -> Iterator[Try]:
    """The attempts of one person: `count` that fail, and often one that connects after all."""
    chance = world.chance
    profile = world.profiles[0] if chance.random() < 0.6 else chance.choice(world.profiles)
    # Some accounts turn up far more often than others.
    account = world.accounts[int(len(world.accounts) * chance.random() ** 2.5)]
    happened = scenario or _scenario(chance)
    language = _language(happened, chance)
    client = chance.choice(document()["clients"]) if chance.randrange(100) < _BY_A_CLIENT else ""
    first = ""
    for number in range(count + 1):
        connects = number == count
        if at > world.now - 60 or (connects and count and chance.random() < 0.55):
            return
        attempt = replace(_attempt(profile, at, first, language, chance), client=client)
        first = first or attempt.reference
        yield Try(attempt, profile, account, None if connects else happened)
        at += chance.choice((chance.uniform(1000, 3 * _HOUR), chance.uniform(_HOUR, 2 * _DAY)))
        # The second time it is often the same, else something else.
        happened = happened if chance.random() < 0.6 else _scenario(chance)


def _attempt(profile: Profile, at: float, first: str, language: str, chance: Random) -> Attempt:
    """An attempt at the time `at`; `first` is the person's first one, empty for that itself."""
    reference = new_reference(datetime.fromtimestamp(at, UTC).date(), chance.choice)
    return Attempt(
        reference=reference,
        profile=profile.name,
        requested=profile.requested_scopes(_narrowed(profile, chance)),
        started_at=int(at),
        deadline=int(at),
        browser_id=first or reference,
        language=language,
    )


def _narrowed(profile: Profile, chance: Random) -> list[str] | None:
    """Most take what is offered; some choose fewer scopes."""
    if chance.random() < 0.7:
        return None
    optional = list(profile.requested_scopes().optional_scope)
    return chance.sample(optional, k=min(len(optional), chance.choice((3, 5, 8))))


def _scenario(chance: Random) -> Mapping[str, Any]:
    weighted = document()["scenario"]
    found: Mapping[str, Any] = chance.choices(weighted, [each["weight"] for each in weighted])[0]
    return found


def _language(scenario: Mapping[str, Any], chance: Random) -> str:
    spoken: list[str] = [language for language, _ in scenario.get("messages", ())]
    return chance.choice(spoken or ["en", "en", "en", "de", "fr", "es", "pt", "ja"])


def _accounts(failures: int, chance: Random) -> list[int]:
    return chance.sample(range(20_000_000, 49_000_000), k=max(4, failures // 5))


def _pick(weighted: tuple[tuple[int, int], ...], chance: Random) -> int:
    return chance.choices([each for each, _ in weighted], [weight for _, weight in weighted])[0]


def _some_time(now: float, days: int, chance: Random) -> float:
    """A time of the last `days`: rather by day than by night, rather on weekdays."""
    while True:
        at = now - 120 - chance.random() * (days * _DAY - 300)
        moment = datetime.fromtimestamp(at, UTC)
        busy = _HOURS[moment.hour] * _WEEKDAYS[moment.weekday()]
        if chance.random() < busy / (max(_HOURS) * max(_WEEKDAYS)):
            return at


def _incident(now: float, days: int) -> float:
    """When the incident began: in the middle of the day before yesterday, or else half-way."""
    midnight = now - now % _DAY
    return midnight - 2 * _DAY + 13 * _HOUR if days > 3 else now - days * _DAY / 2
