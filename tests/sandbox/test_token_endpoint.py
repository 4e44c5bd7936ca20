import json
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from oauth_helper.sandbox.answers import FAILURES, dressed, refresh_refusal, token_answers

CONTACTS = "crm.objects.contacts.read"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SELECTABLE = sorted(set(FAILURES) - {"BAD_REFRESH_TOKEN"})


def status_of(response):
    assert response.status_code == 400
    return response.get_json()["status"]


def test_the_token_response(connection):
    response = connection.redeem(connection.code())
    body = response.get_json()
    access_token, refresh_token = body.pop("access_token"), body.pop("refresh_token")
    assert body == {
        "token_type": "bearer",
        "expires_in": 1800,
        "hub_id": 1000104,
        "scopes": ["oauth", CONTACTS, "tickets", "automation"],
        "token_use": "access_token",
        "user_id": 10001041,
    }
    assert len(access_token) > 200
    assert refresh_token.startswith("na1-")
    assert response.headers["Cache-Control"] == "no-store"


def test_a_refresh_token_starts_with_the_region(connection):
    body = connection.redeem(connection.code(account="1000103")).get_json()
    assert body["refresh_token"].startswith("eu1-")


def test_the_error_body(connection):
    body = connection.redeem("unknown").get_json()
    assert body.pop("correlationId")
    assert body == {
        "error": "invalid_grant",
        "error_description": "missing or unknown auth code",
        "status": "BAD_AUTH_CODE",
        "message": "missing or unknown auth code",
    }


def test_a_code_is_used_once(connection):
    code = connection.code()
    assert connection.redeem(code).status_code == 200
    assert status_of(connection.redeem(code)) == "BAD_AUTH_CODE"


def test_of_many_requests_with_one_code_one_gets_tokens(connection):
    code = connection.code()

    def redeem(_):
        data = {"client_id": "shop", "client_secret": "sesame", "code": code}
        data |= {
            "grant_type": "authorization_code",
            "redirect_uri": connection.query["redirect_uri"],
        }
        client = connection.http.application.test_client()
        return client.post("/oauth/v3/token", data=data).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(redeem, range(16)))
    assert sorted(statuses) == [200] + [400] * 15


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"client_id": "nobody", "client_secret": "no", "grant_type": "no"}, "BAD_CLIENT_ID"),
        ({"client_secret": "no", "grant_type": "no"}, "BAD_CLIENT_SECRET"),
        ({"client_secret": "sésame"}, "BAD_CLIENT_SECRET"),
        ({"grant_type": "password", "code": "no"}, "BAD_GRANT_TYPE"),
        ({"code": "no"}, "BAD_AUTH_CODE"),
        ({"client_id": "other", "client_secret": "open"}, "BAD_AUTH_CODE"),
        ({"redirect_uri": "https://client.example/"}, "MISMATCH_REDIRECT_URI_AUTH_CODE"),
    ],
)
def test_what_is_checked_and_in_which_order(connection, form, status):
    assert status_of(connection.redeem(connection.code(), **form)) == status


def test_another_client_does_not_use_up_a_code(connection):
    code = connection.code()
    connection.redeem(code, client_id="other", client_secret="open")
    assert connection.redeem(code).status_code == 200


@pytest.mark.parametrize(("after", "expected"), [(59.9, 200), (60, 400)])
def test_a_code_expires(connection, clock, after, expected):
    code = connection.code()
    clock.now += after
    response = connection.redeem(code)
    assert response.status_code == expected
    assert expected == 200 or response.get_json()["status"] == "EXPIRED_AUTH_CODE"


@pytest.mark.parametrize(
    ("challenge", "method", "verifier", "expected"),
    [
        (CHALLENGE, "S256", VERIFIER, 200),
        (CHALLENGE, "S256", "w" * 43, "BAD_CODE_VERIFIER"),
        (CHALLENGE, "S256", "", "BAD_CODE_VERIFIER"),
        (CHALLENGE, "S256", CHALLENGE, "BAD_CODE_VERIFIER"),
        (CHALLENGE, "S256", "ü" * 43, "BAD_CODE_VERIFIER"),
        ("ü", "S256", VERIFIER, "BAD_CODE_VERIFIER"),
        (VERIFIER, "plain", VERIFIER, 200),
        ("ü" * 500, "plain", VERIFIER, "BAD_CODE_VERIFIER"),
        ("", "", VERIFIER, 200),
    ],
)
def test_pkce(connection, challenge, method, verifier, expected):
    connection.query |= {"code_challenge": challenge, "code_challenge_method": method}
    response = connection.redeem(connection.code(), code_verifier=verifier)
    outcome = 200 if response.status_code == 200 else status_of(response)
    assert outcome == expected


@pytest.mark.parametrize("status", SELECTABLE)
def test_every_status_with_either_body(connection, status):
    newer = connection.redeem(connection.code(token_answer=f"rfc_body:{status}"))
    older = connection.redeem(connection.code(token_answer=f"older_body:{status}"))
    assert status_of(newer) == status_of(older) == status
    assert newer.get_json().keys() - older.get_json().keys() == {"error", "error_description"}


def test_an_error_in_200(connection):
    response = connection.redeem(connection.code(token_answer="error_in_200"))
    assert response.status_code == 200
    assert response.get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("answer", ["423", "429", "477", "500", "502", "503"])
def test_a_transient_failure_leaves_the_code_unused(connection, answer):
    code = connection.code(token_answer=answer)
    responses = [connection.redeem(code) for _ in range(2)]
    assert [response.status_code for response in responses] == [int(answer)] * 2
    assert ("Retry-After" in responses[0].headers) == (answer == "477")
    assert ("RATE_LIMIT" in responses[0].text) == (answer == "429")


@pytest.mark.parametrize("answer", ["429_once", "503_once"])
def test_a_failure_that_passes(connection, answer):
    code = connection.code(token_answer=answer)
    statuses = [connection.redeem(code).status_code for _ in range(3)]
    assert statuses == [int(answer[:3]), 200, 400]


@pytest.mark.parametrize(
    ("answer", "content_type", "looks_so"),
    [
        ("empty", "application/json", lambda text: text == ""),
        ("html", "text/html", lambda text: text.startswith("<!doctype html>")),
        ("list", "application/json", lambda text: isinstance(json.loads(text), list)),
        ("truncated", "application/json", lambda text: "access_token" in text and "}" not in text),
        ("huge", "application/json", lambda text: len(text) > 2_000_000),
        ("wrong_types", "application/json", lambda text: json.loads(text)["scopes"][:5] == "oauth"),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" not in value else "",
)
def test_odd_answers_in_200(connection, answer, content_type, looks_so):
    response = connection.redeem(connection.code(token_answer=answer))
    assert response.status_code == 200
    assert response.mimetype == content_type
    assert looks_so(response.text)


def test_tokens_without_scopes_leave_introspection_to_tell(connection):
    body = connection.redeem(connection.code(token_answer="no_scopes")).get_json()
    assert not body.keys() & {"hub_id", "scopes"}
    assert CONTACTS in connection.introspect(body["access_token"]).get_json()["scopes"]


def test_introspection_can_fail_as_well(connection):
    code = connection.code(token_answer="no_scopes_no_introspection")
    body = connection.redeem(code).get_json()
    assert "scopes" not in body
    assert connection.introspect(body["access_token"]).status_code == 500


@pytest.mark.parametrize(
    ("answer", "scopes"),
    [
        ("misses_required", ["oauth", "tickets", "automation"]),
        ("misses_optional", ["oauth", CONTACTS, "automation"]),
    ],
)
def test_less_is_granted_than_was_asked_for(connection, answer, scopes):
    body = connection.redeem(connection.code(token_answer=answer)).get_json()
    assert body["scopes"] == scopes
    assert connection.introspect(body["access_token"]).get_json()["scopes"] == scopes


def test_slow_waits_until_it_is_released(connection, sandbox):
    code = connection.code(token_answer="slow")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(connection.redeem, code)
        assert not pending.done()
        sandbox.hurry.set()
        assert pending.result(timeout=30).status_code == 200


def test_when_enough_requests_wait_a_further_one_does_not(connection, sandbox):
    while sandbox.slow_places.acquire(blocking=False):
        pass
    response = connection.redeem(connection.code(token_answer="slow"))
    assert response.status_code == 200


def test_no_answer_disturbs_another_connection(connection):
    failing = connection.code(token_answer="503")
    working = connection.code()
    assert connection.redeem(failing).status_code == 503
    assert connection.redeem(working).status_code == 200


def test_every_offered_answer_can_be_chosen(connection, sandbox):
    sandbox.hurry.set()
    values = [value for group in token_answers() for value, _ in group.answers]
    assert len(values) == len(set(values))
    for value in values:
        assert connection.redeem(connection.code(token_answer=value)).status_code >= 200


def test_refresh(connection):
    first = connection.redeem(connection.code()).get_json()
    second = connection.refresh(first["refresh_token"]).get_json()
    assert second["access_token"] != first["access_token"]
    assert {**second, "access_token": ""} == {**first, "access_token": ""}


def test_a_revoked_refresh_token_refreshes_no_more_but_its_access_tokens_live_on(connection):
    body = connection.redeem(connection.code()).get_json()
    revoked = connection.post("token/revoke", token=body["refresh_token"])
    assert revoked.status_code == 200
    assert status_of(connection.refresh(body["refresh_token"])) == "BAD_REFRESH_TOKEN"
    assert connection.introspect(body["access_token"]).get_json()["active"] is True


def test_revoking_what_is_not_ones_own_changes_nothing(connection):
    body = connection.redeem(connection.code()).get_json()
    credentials = {"client_id": "other", "client_secret": "open"}
    response = connection.post("token/revoke", token=body["refresh_token"], **credentials)
    assert response.status_code == 200
    assert connection.refresh(body["refresh_token"]).status_code == 200


def test_introspection(connection, clock):
    body = connection.redeem(connection.code(role="marketplace")).get_json()
    clock.now += 100
    found = connection.introspect(body["access_token"]).get_json()
    assert isinstance(found.pop("app_id"), int)
    assert found == {
        "active": True,
        "client_id": "shop",
        "hub_id": 1000104,
        "hub_domain": "enterprise.example.com",
        "user_id": 10001042,
        "user": "marketplace@enterprise.example.com",
        "scopes": ["oauth", CONTACTS, "tickets", "automation"],
        "expires_in": 1700,
        "token_type": "bearer",
        "token_use": "access_token",
    }
    refresh = connection.introspect(body["refresh_token"]).get_json()
    assert (refresh["active"], refresh["token_use"]) == (True, "refresh_token")
    assert "expires_in" not in refresh


def test_introspection_of_what_is_not_active(connection, clock):
    body = connection.redeem(connection.code()).get_json()
    credentials = {"client_id": "other", "client_secret": "open"}
    of_another = connection.post("token/introspect", token=body["access_token"], **credentials)
    unknown = connection.introspect("unknown")
    clock.now += 1800
    expired = connection.introspect(body["access_token"])
    for response in (of_another, unknown, expired):
        assert (response.status_code, response.get_json()) == (200, {"active": False})


@pytest.mark.parametrize("path", ["token", "token/introspect", "token/revoke"])
def test_clients_authenticate_everywhere(connection, path):
    assert status_of(connection.post(path, client_secret="no")) == "BAD_CLIENT_SECRET"


@pytest.mark.parametrize("path", ["token", "token/introspect", "token/revoke"])
def test_a_json_body_is_refused(connection, path):
    response = connection.http.post(f"/oauth/v3/{path}", json={"client_id": "shop"})
    assert response.status_code == 415
    assert response.get_json()["status"] == "error"


def test_uninstalling_ends_every_token(connection):
    body = connection.redeem(connection.code()).get_json()
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    path = "/appinstalls/2026-09/external-install"
    assert connection.http.delete(path, headers=headers).status_code == 204
    assert connection.introspect(body["access_token"]).get_json() == {"active": False}
    assert status_of(connection.refresh(body["refresh_token"])) == "BAD_REFRESH_TOKEN"
    assert connection.http.delete(path, headers=headers).status_code == 401


@pytest.mark.parametrize("version", ["v1", "v3", "2026-03", "2026-09", "2027-03"])
def test_versions(connection, version):
    response = connection.http.post(f"/oauth/{version}/token", data={"client_id": "nobody"})
    assert status_of(response) == "BAD_CLIENT_ID"


@pytest.mark.parametrize("version", ["latest", "2026", "v", "2026-09-01"])
def test_no_versions(connection, version):
    assert connection.http.post(f"/oauth/{version}/token").status_code == 404


def test_state_holds_neither_codes_nor_tokens(connection, sandbox):
    code = connection.code()
    body = connection.redeem(code).get_json()
    connection.code()
    kept = repr(sandbox.state._entries)
    assert "grant:" in kept
    for secret in (code, body["access_token"], body["refresh_token"], "sesame"):
        assert secret not in kept


def test_a_moved_app_names_granular_scopes():
    body = json.loads(dressed("granular", {"scopes": ["oauth", "tickets", "forms"]}).body)
    assert body["scopes"][0] == "oauth"
    assert "tickets" not in body["scopes"]
    assert {"crm.objects.tickets.read", "crm.schemas.tickets.write", "forms"} <= {*body["scopes"]}


@pytest.mark.parametrize(
    ("answer", "http_status", "words"),
    [("ok_then_gone", 400, "missing or unknown hub id"), ("ok_then_moved", 488, "na2")],
)
def test_a_refresh_for_an_account_that_is_elsewhere(answer, http_status, words):
    refused = refresh_refusal(answer, 1000101, "c")
    assert refused.http_status == http_status
    assert words in refused.body
    assert refresh_refusal("ok", 1000101, "c") is None
