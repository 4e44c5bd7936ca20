"""The API as it describes itself: schemathesis asks what the document allows, and what it forbids.

All of its checks are on, and what they find is mended in the API or in the document. The requests
that it makes up are the same each time.
"""

import threading
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date

import pytest
import schemathesis
from harness import (
    API_TOKEN,
    CONNECTIONS_API_TOKEN,
    ENTERPRISE,
    FREE,
    PROFESSIONAL,
    STARTER,
    services_of,
)
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis.config import PositiveDataAcceptanceConfig, SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from werkzeug.serving import make_server

from oauth_helper.common.references import new_reference
from oauth_helper.models import Tokens

CHANCE = st.randoms(use_true_random=False)
schemathesis.openapi.format(
    "reference",
    CHANCE.map(lambda chance: new_reference(date(2026, 11, chance.randint(1, 30)), chance.choice)),
)
schemathesis.openapi.format(
    "cursor", st.integers(0, 10**9).map(lambda number: f"{number}.{number % 10}_")
)

# What the check takes for an acceptance by itself.
ACCEPTED = PositiveDataAcceptanceConfig().expected_statuses

CONFIG = {
    "seed": 1,
    "generation": {"deterministic": True, "max-examples": 60, "database": "none"},
    "operations": [
        {
            # What an app's file has to hold no schema tells: text with comments is a file too, and
            # a key that is nearly a known one is refused. So what fits may be a 400 all the same.
            "include-path-regex": "/(preflight|diagnose)$",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]}},
        },
        {
            # Which profiles and scopes there are no schema tells.
            "include-path-regex": "/connect-links$",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]}},
        },
        {
            # The right question about a connection that has ended; a 404 is among them already.
            "include-path-regex": "/token$",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "410"]}},
        },
    ],
    "auth": {
        "openapi": {
            "bearer": {"bearer": API_TOKEN},
            "connections": {"bearer": CONNECTIONS_API_TOKEN},
        }
    },
}


@pytest.fixture
def document(app, customer, clock):
    """The document of an application that has failures and connections of several kinds."""
    for answer in ("rfc_body:BAD_AUTH_CODE", "500", "misses_required", "rfc_body:BAD_SCOPES"):
        clock.now += 60
        customer.connect(token_answer=answer)
    for account in (ENTERPRISE, PROFESSIONAL, STARTER, FREE):
        clock.now += 60
        customer.connect(account=str(account))
    connections = services_of(app).connections
    _, ended, theirs, _ = connections.newest(limit=4)
    connections.end(ended, at=int(clock.now), by=ended.reference)
    connections.save(
        replace(theirs, client="shop"), Tokens(SecretStr("theirs"), SecretStr("theirs"))
    )
    # Over HTTP: some of what it asks without a session breaks off where WSGI is called (4.32.5).
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/api/v1/openapi.json"
    yield schemathesis.openapi.from_url(address, config=SchemathesisConfig.from_dict(CONFIG))
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_answer_is_one_that_the_document_describes(document):
    answered, problems = defaultdict(Counter), {}
    for event in from_schema(document).execute():
        match event:
            case NonFatalError(value=error, label=label):
                problems[label, str(error)] = repr(error)
            case FatalError(exception=error):
                problems["everything", str(error)] = repr(error)
            case ScenarioFinished(recorder=recorder):
                for name, interaction in recorder.interactions.items():
                    label = recorder.cases[name].value.operation.label
                    answered[label][interaction.response and interaction.response.status_code] += 1
                problems |= {
                    (
                        recorder.label,
                        str(check.failure_info.failure),
                    ): check.failure_info.code_sample
                    for checks in recorder.checks.values()
                    for check in checks
                    if check.failure_info is not None
                }
    told = [f"{label}: {what}\n{sample}" for (label, what), sample in problems.items()]
    assert not told, "\n\n".join(told)
    for operation in document.get_all_operations():
        statuses = answered[operation.ok().label]
        if not operation.ok().label.endswith("{link_id}"):  # tests of their own know an id
            assert statuses[200] or statuses[201], (operation.ok().label, statuses)
        assert statuses[401], (operation.ok().label, statuses)
    assert answered["GET /api/v1/connections/{connection_id}/token"].keys() >= {400, 404, 410}
