from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.app_credentials import AppCredentials
from oauth_helper.hubspot.client import token_form
from oauth_helper.hubspot.token_response import Granted, TokenResponse
from oauth_helper.models import Connection, StoreUnavailableError, Tokens
from oauth_helper.oauth.client.revocation import Revoked, revoke
from oauth_helper.scopes import shipped_catalogue

ID = "workato.7"
CONNECTION = Connection(
    id=ID,
    profile="workato",
    hub_id=7,
    granted=None,
    missing_optional=(),
    connected_at=0,
    expires_at=1800,
    reference="222Q-7777-777J",
)
TOKENS = Tokens(SecretStr("access"), SecretStr("refresh"))
PROFILE = Profile(
    name="workato",
    title="Workato",
    client_id="shop",
    client_secret=SecretStr("s3cret"),
    redirect_uri="https://a.example/callback/workato",
    catalogue=shipped_catalogue(),
)


@dataclass
class Store:
    """Connections in memory."""

    kept: dict[str, Connection] = field(default_factory=lambda: {ID: CONNECTION})
    encrypted: dict[str, Tokens] = field(default_factory=lambda: {ID: TOKENS})

    def get(self, connection_id: str) -> Connection | None:
        return self.kept.get(connection_id)

    def tokens(self, connection_id: str) -> Tokens | None:
        return self.encrypted.get(connection_id)

    def forget(self, connection: Connection) -> None:
        del self.kept[connection.id]
        self.encrypted.pop(connection.id, None)


@dataclass
class Endpoint:
    """HubSpot, which says yes or no, and looks at what is kept at that moment."""

    confirms: bool
    store: Store
    seen: list[tuple[dict[str, list[str]], bool]] = field(default_factory=list)

    def revoke(self, app: AppCredentials, refresh_token: SecretStr) -> bool:
        form = token_form(app, refresh_token, "refresh_token")
        self.seen.append((parse_qs(form), ID in self.store.kept))
        return self.confirms

    def refresh(self, app: AppCredentials, refresh_token: SecretStr) -> TokenResponse:
        assert app == PROFILE.credentials
        return Granted(SecretStr("fresh"), refresh_token, 1800)

    def uninstall(self, access_token: SecretStr) -> bool:
        self.seen.append(({"token": [access_token.get_secret_value()]}, ID in self.store.kept))
        return self.confirms


FORM = {
    "client_id": ["shop"],
    "client_secret": ["s3cret"],
    "token": ["refresh"],
    "token_type_hint": ["refresh_token"],
}


@pytest.mark.parametrize(
    ("uninstall", "form", "done"),
    [
        pytest.param(False, FORM, Revoked.DONE, id="revoke"),
        pytest.param(True, {"token": ["fresh"]}, Revoked.UNINSTALLED, id="uninstall"),
    ],
)
@pytest.mark.parametrize("confirms", [True, False], ids=["confirmed", "not-confirmed"])
def test_hubspot_is_asked_before_anything_is_forgotten(confirms, uninstall, form, done):
    store = Store()
    hubspot = Endpoint(confirms, store)
    profiles = {"workato": PROFILE}
    went = revoke(ID, connections=store, hubspot=hubspot, profiles=profiles, uninstall=uninstall)
    assert went is (done if confirms else Revoked.NOT_CONFIRMED)
    assert hubspot.seen == [(form, True)]
    assert list(store.kept) == list(store.encrypted) == ([] if confirms else [ID])


@pytest.mark.parametrize(
    ("store", "profiles", "expected", "kept"),
    [
        pytest.param(
            Store(kept={}, encrypted={}), {"workato": PROFILE}, Revoked.NOT_FOUND, [], id="unknown"
        ),
        pytest.param(
            Store(encrypted={}), {"workato": PROFILE}, Revoked.UNREADABLE, [ID], id="unreadable"
        ),
        pytest.param(Store(), {"other": PROFILE}, Revoked.UNREADABLE, [ID], id="profile-gone"),
        pytest.param(
            Store(kept={ID: replace(CONNECTION, ended_at=5)}, encrypted={}),
            {"workato": PROFILE},
            Revoked.ENDED,
            [],
            id="ended",
        ),
    ],
)
def test_when_there_is_nothing_to_ask_hubspot_with(store, profiles, expected, kept):
    hubspot = Endpoint(confirms=True, store=store)
    assert revoke(ID, connections=store, hubspot=hubspot, profiles=profiles) is expected
    assert hubspot.seen == []
    assert list(store.kept) == kept


@pytest.mark.parametrize("encrypted", [{ID: TOKENS}, {}])
def test_what_is_only_forgotten_needs_nothing_of_hubspot(encrypted):
    hubspot = Endpoint(confirms=False, store=Store(encrypted=encrypted))
    done = revoke(ID, connections=hubspot.store, hubspot=hubspot, profiles={}, forget=True)
    assert done is Revoked.FORGOTTEN
    assert hubspot.seen == []
    assert not hubspot.store.kept


def test_an_outage_is_the_callers_and_nothing_is_asked():
    class Down(Store):
        def get(self, connection_id: str) -> Connection | None:
            raise StoreUnavailableError(connection_id)

    hubspot = Endpoint(confirms=True, store=Down())
    with pytest.raises(StoreUnavailableError):
        revoke(ID, connections=hubspot.store, hubspot=hubspot, profiles={"workato": PROFILE})
    assert hubspot.seen == []


@pytest.mark.parametrize("went", Revoked)
def test_each_end_has_its_message(went):
    assert went.message.endswith(".")
    kept = (Revoked.NOT_FOUND, Revoked.NOT_CONFIRMED, Revoked.UNREADABLE)
    assert went.ok is (went not in kept)
    assert ("orgotten" in went.message) is went.ok
