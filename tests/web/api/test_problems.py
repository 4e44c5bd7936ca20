"""Problem details of the API: every wrong field at once, each with its reason."""

import json

import pytest
from harness import API_TOKEN

RIGHT = {"Authorization": f"Bearer {API_TOKEN}"}


def errors_of(response):
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    return {each["field"]: each["reason"] for each in response.json["errors"]}


def test_every_wrong_field_of_a_body_is_named(client):
    body = {
        "message": [],
        "stage": "play",
        "code_age": -1,
        "app_config": {},
        "response": {"status": 99, "bodi": ""},
        "mesage": "x",
    }
    response = client.post("/api/v1/diagnose", json=body, headers=RIGHT)
    assert errors_of(response) == {
        "message": "has to be text, not a list",
        "stage": "has to be one of preflight, authorization, callback, token, grant, refresh, api",
        "code_age": "has to be a whole number from 0 to 31,536,000",
        "app_config": 'has neither "config.auth" nor "auth"',
        "response.status": "has to be a whole number from 100 to 599",
        "response.bodi": "is unknown; did you mean response.body?",
        "mesage": "is unknown; did you mean message?",
    }
    assert all(field in response.json["detail"] for field in errors_of(response))


def test_every_wrong_parameter_of_a_query_is_named(api):
    errors = errors_of(api("/failures?status=x&account=y&since=z&within=w&limit=0&q=cause:v"))
    assert errors == {
        "status": "has to be one of open, resolved",
        "account": "has to be the number of a HubSpot account",
        "since": "is no time: a time is written like 2026-11-23T08:00:00Z",
        "within": "has to be one of today, 1h, 24h, 7d, 30d",
        "limit": "has to be a whole number from 1 to 200",
        "q": "Unknown cause “v”",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "oauth", "profile": "workato"}, "profile"),
        ({"scope": " ".join(f"a{n}" for n in range(3000))}, "scope"),
        ({"profile": "nobody"}, "profile"),
    ],
)
def test_fields_that_do_not_go_together_are_named(client, body, field):
    response = client.post(
        "/api/v1/preflight",
        json={"app_config": {"auth": {}}, **body},
        headers=RIGHT,
    )
    assert set(errors_of(response)) == {field}


def test_a_megabyte_of_wrong_fields_is_answered_in_brief(client):
    body = {f"{number}": number for number in range(60_000)}
    response = client.post("/api/v1/diagnose", json=body, headers=RIGHT)
    assert len(errors_of(response)) == 20
    assert len(response.data) < 10_000


def test_half_of_a_surrogate_pair_comes_back_as_it_was_sent(client):
    body = json.dumps({"app_config": {"auth": {"type": "oauth", "name": "x\ud800"}}})
    response = client.post(
        "/api/v1/preflight", data=body, headers=RIGHT, content_type="application/json"
    )
    assert response.json["corrected_app_config"]["auth"]["name"] == "x\ud800"


class TestTheDocsPage:
    def test_is_open_to_all_and_has_no_script_in_it(self, client):
        page = client.get("/api/v1/docs")
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "script-src 'self';" in page.headers["Content-Security-Policy"]

    @pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js"])
    def test_has_its_files_from_us_and_once(self, client, name):
        path = f"/api/v1/docs/{name}"
        assert path in client.get("/api/v1/docs").text
        with client.get(path) as first:
            assert first.status_code == 200
        with client.get(path, headers={"If-None-Match": first.headers["ETag"]}) as again:
            assert again.status_code == 304

    @pytest.mark.parametrize("name", ["VERSION", "index.css", "../flask_swagger_ui.py"])
    def test_has_no_other_files(self, client, name):
        assert client.get(f"/api/v1/docs/{name}").status_code == 404
