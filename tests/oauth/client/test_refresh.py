"""Who gets which token, when HubSpot is asked, and what is made of its answer."""

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

import pytest
from harness import Clock
from pydantic import SecretStr

from oauth_helper.common.references import parse_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.hubspot.client import refresh_form
from oauth_helper.hubspot.token_response import Granted, Refused, Unavailable
from oauth_helper.models import Connection, StoreUnavailableError, Tokens
from oauth_helper.oauth.client.refresh import (
    TOLD_FOR,
    Busy,
    ConnectionEnded,
    Fresh,
    LoggedFailure,
    NoProfile,
    NotFound,
    NotYours,
    RefreshFailed,
    RefreshFailures,
    TokenRefresher,
    Unreadable,
    token_id,
)
from oauth_helper.scopes import shipped_catalogue

ID = "workato.7"
NOW = Clock().now
CONNECTION = Connection(
    id=ID,
    profile="workato",
    hub_id=7,
    granted=("oauth", "tickets"),
    missing_optional=(),
    connected_at=int(NOW) - 9000,
    expires_at=int(NOW) + 1800,
    reference="222Q-7777-777J",
)
TOKENS = Tokens(SecretStr("old-access"), SecretStr("old-refresh"))
PROFILE = Profile(
    name="workato",
    title="Workato",
    client_id="shop",
    client_secret=SecretStr("s3cret"),
    redirect_uri="https://a.example/callback/workato",
    catalogue=shipped_catalogue(),
)
OLD, NEW = (token_id(SecretStr(name)) for name in ("old-access", "new-access"))
GRANTED = Granted(SecretStr("new-access"), SecretStr("new-refresh"), 1800)
GONE = Refused(400, "BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token")


@dataclass
class Store:
    """Connections in memory."""

    kept: dict[str, tuple[Connection, Tokens | None]] = field(
        default_factory=lambda: {ID: (CONNECTION, TOKENS)}
    )

    def with_tokens(self, connection_id):
        return self.kept.get(connection_id)

    def refresh(self, connection, tokens, *, expires_at, issued_at=0):
        if not self._is_same(connection):
            return False
        refreshed = replace(connection, expires_at=expires_at, issued_at=issued_at)
        self.kept[connection.id] = refreshed, tokens
        return True

    def end(self, connection, *, at, by, cause):
        if not self._is_same(connection):
            return False
        ended = replace(connection, ended_at=at, ended_by=by, ended_cause=cause)
        self.kept[connection.id] = ended, None
        return True

    def _is_same(self, connection):
        now = self.kept.get(connection.id, (None, None))[0]
        return now == connection


@dataclass
class Locks:
    """Locks in memory. `while_waiting` is what happens meanwhile; False when it takes too long."""

    held: str | None = None
    while_waiting: list = field(default_factory=list)
    before_acquire: list = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def lock(self, connection_id):
        assert connection_id
        return self

    def acquire(self, reference):
        assert reference == CONNECTION.reference
        if self.before_acquire:
            self.before_acquire.pop()()
        if self.held is None:
            self.held = ""
            return ""
        return self.held or None

    def wait(self):
        return self.while_waiting.pop(0)() if self.while_waiting else False

    def release(self, failure):
        self.left.append(failure)
        self.held = failure or None


@dataclass
class HubSpot:
    """A token endpoint that answers in order, and does something else on the way."""

    answers: list
    asked: list[dict] = field(default_factory=list)
    meanwhile: object = None

    def waits_for_refresh(self):
        return nullcontext(enter_result=True)

    def refresh(self, app, refresh_token):
        form = parse_qs(refresh_form(app, refresh_token))
        self.asked.append({name: value for name, (value,) in form.items()})
        if self.meanwhile:
            self.meanwhile()
        return self.answers.pop(0)


@dataclass
class Log:
    """Failures in memory, and which of them stand for others."""

    failures: dict = field(default_factory=dict)
    firsts: dict = field(default_factory=dict)

    def write(self, event):
        failure = event.failure
        return failure if self.failures.setdefault(failure.reference, failure) is failure else None

    def first_failure(self, connection, cause, reference):
        return self.firsts.setdefault((connection, cause), reference)


@dataclass
class World:
    """All parts together."""

    store: Store = field(default_factory=Store)
    locks: Locks = field(default_factory=Locks)
    hubspot: HubSpot = field(default_factory=lambda: HubSpot([GRANTED]))
    log: Log = field(default_factory=Log)
    clock: Clock = field(default_factory=Clock)
    profiles: dict = field(default_factory=lambda: {"workato": PROFILE})

    @property
    def recording(self):
        return RefreshFailures(writer=self.log, locks=self.log, clock=self.clock)

    def token(self, connection_id=ID, **options):
        refreshing = TokenRefresher(
            connections=self.store,
            profiles=self.profiles,
            hubspot=self.hubspot,
            locks=self.locks,
            failures=self.recording,
            clock=self.clock,
        )
        return refreshing.token(connection_id, **options)

    def age(self, *, left):
        """Makes the token one with `left` seconds left."""
        connection, tokens = self.store.kept[ID]
        self.store.kept[ID] = replace(connection, expires_at=int(self.clock.now) + left), tokens

    def refresh_elsewhere(self):
        connection, _ = self.store.kept[ID]
        tokens = Tokens(SecretStr("elsewhere"), SecretStr("old-refresh"))
        self.store.kept[ID] = replace(connection, expires_at=int(self.clock.now) + 1800), tokens
        return True


@pytest.fixture
def world():
    return World()


class TestATokenWithTimeLeft:
    @pytest.mark.parametrize("left", [1800, 300])
    def test_is_handed_out_as_it_is(self, world, left):
        world.age(left=left)
        fresh = world.token()
        assert (fresh.access_token, fresh.token_id) == (SecretStr("old-access"), OLD)
        assert fresh.connection.expires_at == NOW + left
        assert not world.hubspot.asked
        assert not world.locks.left

    def test_is_refreshed_when_hubspot_has_refused_it(self, world):
        assert world.token(rejected=OLD).token_id == NEW
        assert len(world.hubspot.asked) == 1

    def test_is_handed_out_when_hubspot_has_refused_another_one(self, world):
        assert world.token(rejected=NEW).token_id == OLD
        assert not world.hubspot.asked


class TestAnOldToken:
    @pytest.mark.parametrize("left", [299, 61, 0, -100_000])
    def test_is_refreshed(self, world, left):
        world.age(left=left)
        fresh = world.token()
        assert fresh.access_token == SecretStr("new-access")
        assert fresh.connection.expires_at == NOW + 1800
        assert world.hubspot.asked == [
            {
                "grant_type": "refresh_token",
                "client_id": "shop",
                "client_secret": "s3cret",
                "refresh_token": "old-refresh",
            }
        ]
        assert world.locks.left == [""]
        assert world.token() == fresh

    def test_the_newest_refresh_token_is_kept(self, world):
        world.age(left=0)
        world.token()
        world.hubspot.answers.append(Granted(SecretStr("third"), SecretStr("new-refresh"), 1800))
        world.clock.now += 1700
        assert world.token().access_token == SecretStr("third")
        assert world.hubspot.asked[1]["refresh_token"] == "new-refresh"

    def test_may_live_shortly(self, world):
        world.age(left=0)
        world.hubspot.answers = [replace(GRANTED, expires_in=10)]
        assert world.token().connection.expires_at == NOW + 10

    def test_nothing_secret_is_logged(self, world, caplog):
        caplog.set_level(logging.DEBUG)
        world.age(left=0)
        world.token()
        assert f"refreshed: {ID}" in caplog.text
        assert "access" not in caplog.text
        assert "s3cret" not in caplog.text


class TestWhileAnotherWorkerRefreshes:
    @pytest.fixture
    def world(self):
        return World(locks=Locks(held=""))

    def test_what_is_left_is_enough(self, world):
        world.age(left=61)
        assert world.token().token_id == OLD

    @pytest.mark.parametrize(("left", "refused"), [(60, ""), (-5, ""), (1800, OLD)])
    def test_their_token_is_waited_for(self, world, left, refused):
        world.age(left=left)
        world.locks.while_waiting = [world.refresh_elsewhere]
        assert world.token(rejected=refused).access_token == SecretStr("elsewhere")
        assert not world.hubspot.asked

    def test_a_token_that_lives_shortly_is_shared_all_the_same(self, world):
        def refresh():
            world.refresh_elsewhere()
            world.age(left=30)
            return True

        world.age(left=0)
        world.locks.while_waiting = [refresh]
        assert world.token().access_token == SecretStr("elsewhere")
        assert not world.hubspot.asked

    def test_their_failure_is_shared(self, world):
        def fail():
            world.locks.held = RefreshFailed("222Q-7777-777J", Cause.RATE_LIMITED, 12).to_text()
            return True

        world.age(left=0)
        world.locks.while_waiting = [fail]
        assert world.token() == RefreshFailed("222Q-7777-777J", Cause.RATE_LIMITED, 12)
        assert not world.hubspot.asked
        assert not world.log.failures

    def test_that_it_ended_is_shared(self, world):
        def end():
            connection, _ = world.store.kept[ID]
            world.locks.held = None
            return world.store.end(connection, at=5, by="222Q-7777-777J", cause="")

        world.age(left=0)
        world.locks.while_waiting = [end]
        assert isinstance(world.token(), ConnectionEnded)

    def test_who_dies_is_stood_in_for(self, world):
        def die():
            world.locks.held = None
            return True

        world.age(left=0)
        world.locks.while_waiting = [die]
        assert world.token().token_id == NEW

    def test_every_wait_is_bounded(self, world):
        world.age(left=0)
        world.locks.while_waiting = [lambda: True, lambda: True, lambda: False]
        assert world.token() == Busy()
        assert not world.locks.left

    def test_one_who_was_faster_between_the_look_and_the_turn_counts(self, world):
        world.locks.held = None
        world.age(left=0)
        world.locks.before_acquire = [world.refresh_elsewhere]
        assert world.token().access_token == SecretStr("elsewhere")
        assert not world.hubspot.asked
        assert world.locks.left == [""]


class TestWithoutTokens:
    def test_an_unknown_connection(self, world):
        assert world.token("workato.8") == NotFound()

    def test_one_of_a_client_of_the_proxy(self, world):
        theirs = replace(CONNECTION, client="shop")
        world.store.kept[ID] = theirs, TOKENS
        assert world.token() == NotYours("shop")
        assert world.token(client="other") == NotYours("shop")
        assert world.token(client="shop") == Fresh(theirs, TOKENS.access_token)

    def test_our_own_belongs_to_no_client(self, world):
        assert world.token(client="shop") == NotYours("")

    def test_one_whose_profile_is_gone(self, world):
        world.profiles = {}
        assert world.token() == NoProfile(CONNECTION)

    def test_one_that_nothing_opens(self, world):
        world.store.kept[ID] = CONNECTION, None
        assert world.token() == Unreadable(CONNECTION)

    def test_one_that_has_ended(self, world):
        ended = replace(CONNECTION, ended_at=5, ended_by="222Q-7777-777J")
        ended = replace(ended, ended_cause=Cause.ACCOUNT_UNKNOWN)
        world.store.kept[ID] = ended, None
        assert world.token() == ConnectionEnded(ended)
        assert world.token().cause is Cause.ACCOUNT_UNKNOWN
        assert not world.hubspot.asked


class TestWhenHubSpotGivesNone:
    @pytest.mark.parametrize(
        ("answer", "cause", "retry_after"),
        [
            (Unavailable("HTTP 503", 503), Cause.HUBSPOT_UNAVAILABLE, TOLD_FOR),
            (Unavailable("no answer in time"), Cause.HUBSPOT_UNAVAILABLE, TOLD_FOR),
            (Unavailable("slow down", 429, retry_after=2), Cause.RATE_LIMITED, TOLD_FOR),
            (Unavailable("slow down", 429, retry_after=90), Cause.RATE_LIMITED, 90),
            (Refused(400, "BAD_CLIENT_SECRET"), Cause.CLIENT_SECRET_INVALID, None),
            (Refused(400, "", "invalid_client"), Cause.CLIENT_SECRET_INVALID, None),
            (Refused(400, "BAD_CLIENT_ID"), Cause.CLIENT_ID_INVALID, None),
            (Refused(404), Cause.TOKEN_REQUEST_MALFORMED, None),
            (Refused(418), Cause.UNKNOWN, None),
        ],
        ids=str,
    )
    def test_it_is_returned_recorded_and_logged(self, world, answer, cause, retry_after):
        world.age(left=60)
        world.hubspot.answers = [answer]
        outcome = world.token()
        assert outcome == RefreshFailed(outcome.reference, cause, retry_after)
        assert parse_reference(outcome.reference) == outcome.reference
        (failure,) = world.log.failures.values()
        assert failure.reference == outcome.reference
        assert (failure.stage, failure.cause) == (Stage.REFRESH, cause)
        assert (failure.profile, failure.hub_id) == ("workato", 7)
        assert failure.granted == failure.requested.scope == ("oauth", "tickets")
        assert failure.at == NOW
        assert world.locks.left == [outcome.to_text()]
        # The next caller gets the same, and HubSpot no request.
        assert world.token() == outcome
        assert len(world.hubspot.asked) == len(world.log.failures) == 1
        assert world.store.kept[ID][1] == TOKENS

    @pytest.mark.parametrize(
        "answer", [Unavailable("HTTP 503", 503), Refused(400, "BAD_CLIENT_ID")]
    )
    def test_a_token_that_still_works_is_handed_out(self, world, answer):
        world.age(left=61)
        world.hubspot.answers = [answer]
        assert world.token().token_id == OLD
        assert world.token().token_id == OLD
        assert len(world.hubspot.asked) == len(world.log.failures) == 1
        assert isinstance(world.token(rejected=OLD), RefreshFailed)

    @pytest.mark.parametrize("answer", [GONE, Refused(400, "", "invalid_grant")])
    def test_an_invalid_refresh_token_ends_the_connection(self, world, answer):
        world.age(left=200)
        world.hubspot.answers = [answer]
        outcome = world.token()
        (failure,) = world.log.failures.values()
        assert outcome.cause is failure.cause is Cause.REFRESH_TOKEN_INVALID
        assert outcome.connection.ended_at == NOW
        assert outcome.connection.ended_by == failure.reference
        assert world.store.kept[ID] == (outcome.connection, None)
        assert world.locks.left == [""]
        assert world.token() == outcome
        assert len(world.hubspot.asked) == 1

    def test_the_same_is_recorded_once(self, world):
        world.age(left=0)
        world.hubspot.answers = [Unavailable("HTTP 503", 503), Unavailable("HTTP 500", 500)]
        first = world.token()
        world.locks.held = None
        world.clock.now += 3600
        assert world.token() == first
        assert len(world.log.failures) == 1

    def test_another_cause_is_another_failure(self, world):
        world.age(left=0)
        world.hubspot.answers = [Unavailable("HTTP 503", 503), Refused(400, "BAD_CLIENT_ID")]
        first = world.token()
        world.locks.held = None
        assert world.token().reference != first.reference
        assert len(world.log.failures) == 2

    def test_a_reference_that_was_given_and_not_written_is_written(self, world):
        unwritten = "222Q-7777-777J"
        world.log.firsts[CONNECTION.reference, Cause.RATE_LIMITED] = unwritten
        answer = Unavailable("slow down", 429)
        assert world.recording.record(PROFILE, CONNECTION, answer) == LoggedFailure(
            unwritten, Cause.RATE_LIMITED
        )
        assert list(world.log.failures) == [unwritten]

    def test_what_it_echoes_is_hidden(self, world, caplog):
        caplog.set_level(logging.DEBUG)
        world.age(left=0)
        said = "old-refresh of old-access for shop with s3cret"
        world.hubspot.answers = [replace(GONE, message=said)]
        world.token()
        (failure,) = world.log.failures.values()
        for secret in ("old-refresh", "old-access", "s3cret"):
            assert secret not in str(failure) + caplog.text

    def test_a_client_of_the_proxy_stands_in_the_record(self, world):
        world.recording.record(None, replace(CONNECTION, client="shop"), GONE, client="The Shop")
        (failure,) = world.log.failures.values()
        assert failure.client == "The Shop"


class TestMeanwhile:
    """What happens to the connection while HubSpot is asked."""

    def made_anew(self, world):
        anew = replace(CONNECTION, reference="222R-7777-777M")
        world.store.kept[ID] = anew, Tokens(SecretStr("anew"), SecretStr("anew-refresh"))

    @pytest.mark.parametrize("answer", [GRANTED, GONE])
    def test_made_anew_it_is_left_as_it_is(self, world, answer):
        world.age(left=0)
        world.hubspot = HubSpot([answer], meanwhile=lambda: self.made_anew(world))
        assert world.token().access_token == SecretStr("anew")
        assert world.store.kept[ID][1].refresh_token == SecretStr("anew-refresh")

    @pytest.mark.parametrize("answer", [GRANTED, GONE])
    def test_forgotten_it_stays_so(self, world, answer):
        world.age(left=0)
        world.hubspot = HubSpot([answer], meanwhile=world.store.kept.clear)
        assert world.token() == NotFound()
        assert not world.store.kept

    def test_the_store_going_down_is_the_callers_and_the_turn_is_left(self, world):
        def down(*_args, **_options):
            raise StoreUnavailableError

        world.age(left=0)
        world.store.refresh = down
        with pytest.raises(StoreUnavailableError):
            world.token()
        assert world.locks.left == [""]
