"""The JSON API: who may ask, what it gives, and what it says when it cannot."""

import json
from datetime import UTC, datetime

import pytest
from failure_examples import a_failure
from harness import API_TOKEN, browser_of, services_of

F_KEYS = {
    "reference",
    "profile",
    "client",
    "customer",
    "customer_name",
    "cause",
    "stage",
    "status",
    "at",
    "message",
    "requested",
    "granted",
    "missing",
    "hub_id",
    "correlation_id",
    "candidates",
    "fix",
    "assignee",
    "resolution",
    "ask",
    "history",
}
PATHS = ["/api/v1/failures", "/api/v1/failures/groups", "/api/v1/failures/2M7X-TQRT-89HR"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Bearer wrong", f"Basic {API_TOKEN}", f"Token {API_TOKEN}", "Bearer ÿ"],
)
def test_without_the_token_there_is_nothing(client, path, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    response = client.get(path, headers=headers)
    assert response.status_code == 401
    assert response.mimetype == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json["status"] == 401


def test_without_a_setting_the_api_is_closed(make_app):
    client = browser_of(make_app(SUPPORT_API_TOKEN=""))
    for token in ("", "None"):
        response = client.get("/api/v1/failures", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401


def test_a_session_of_the_staff_does_not_open_the_api(staff):
    assert staff("agent").get("/api/v1/failures").status_code == 401


def test_an_empty_log(api):
    assert api("/failures").json == {"failures": [], "next_cursor": None}
    assert api("/failures/groups").json == {"groups": []}


def test_a_failure_has_every_field(customer, api):
    customer.connect(token_answer="rfc_body:BAD_AUTH_CODE")
    (failure,) = api("/failures").json["failures"]
    assert set(failure) == F_KEYS
    assert api(f"/failures/{failure['reference']}").json == failure
    assert failure["at"].endswith("Z")
    assert failure["status"] == "open"
    assert failure["correlation_id"]
    assert failure["candidates"][0]["cause"] == "code_expired_or_reused"
    assert failure["candidates"][0]["why"]


def test_filters_and_pages(customer, api, clock):
    for answer in ("rfc_body:BAD_AUTH_CODE", "500", "rfc_body:BAD_AUTH_CODE", "html"):
        clock.now += 60
        customer.connect(token_answer=answer)
    everything = api("/failures").json["failures"]
    assert len(everything) == 4
    assert [each["at"] for each in everything] == sorted(
        (each["at"] for each in everything), reverse=True
    )
    used = api("/failures?cause=code_expired_or_reused").json["failures"]
    assert len(used) == 2
    assert api("/failures?profile=workato&cause=hubspot_unavailable").json["failures"]
    assert api("/failures?profile=other").json["failures"] == []
    assert api("/failures?status=resolved").json["failures"] == []
    assert len(api("/failures?q=BAD_AUTH").json["failures"]) == 2
    middle = everything[1]["at"]
    assert len(api(f"/failures?since={middle}").json["failures"]) == 2
    assert len(api(f"/failures?until={middle}").json["failures"]) == 2
    seen, cursor = [], ""
    while cursor is not None:
        page = api(f"/failures?limit=1&cursor={cursor}").json
        seen += page["failures"]
        cursor = page["next_cursor"]
    assert seen == everything


def test_the_client_that_asked_is_told_and_asked_for(api, app, clock):
    at = datetime.fromtimestamp(clock.now - 60, UTC)
    for name in ("Flow Tool", ""):
        services_of(app).failures.record(a_failure(at, client=name))
    told = {each["client"] for each in api("/failures").json["failures"]}
    assert told == {"Flow Tool", None}
    for query, found in {
        "client=flow+tool": ["Flow Tool"],
        "client=-": [None],
        "client=other": [],
        "q=-client:-": ["Flow Tool"],
    }.items():
        answer = api(f"/failures?{query}").json["failures"]
        assert [each["client"] for each in answer] == found


def test_groups(customer, api, clock):
    customer.connect(token_answer="500")
    clock.now += 60
    customer.connect(token_answer="html")
    customer.connect(token_answer="rfc_body:BAD_SCOPES")
    groups = api("/failures/groups").json["groups"]
    assert [(group["cause"], group["count"]) for group in groups] == [
        ("hubspot_unavailable", 2),
        ("invalid_scope_name", 1),
    ]
    assert groups[0]["profile"] == "workato"
    assert groups[0]["first_seen"] < groups[0]["last_seen"]
    assert len(groups[0]["sample"]) == 2


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("cause=nonsense", "cause"),
        ("status=nonsense", "status"),
        ("since=yesterday", "since"),
        ("until=2026-99-99", "until"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=000020000", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=nan_2M7X-TQRT-89HR", "cursor"),
        ("since=99999999999999", "since"),
    ],
)
def test_a_wrong_parameter_is_named(api, query, named):
    response = api(f"/failures?{query}")
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    assert named in response.json["detail"]


def test_an_unknown_reference_is_a_404(api):
    for reference in ("2M7X-TQRT-89HR", "nonsense", "x" * 500):
        assert api(f"/failures/{reference}").status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing"])
def test_errors_are_problem_details(client, path):
    response = client.get(path, headers={"Authorization": f"Bearer {API_TOKEN}"})
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_the_description_is_open_to_all_and_names_every_route(client, app):
    document = client.get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.")
    routes = {
        rule.rule.replace("<", "{").replace(">", "}")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(("api.", "api_links.", "api_connections.", "api_erasure."))
    }
    assert routes == {*document["paths"], "/api/v1/openapi.json"}
    required = document["components"]["schemas"]["Failure"]["required"]
    assert set(required) == F_KEYS
    assert json.dumps(document)
