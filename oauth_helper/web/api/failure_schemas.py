"""The JSON that programs get from the API, the command line and exported files.

Each model reads the value it describes by the names of its attributes. OpenAPI lists the models
without the suffix `Json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from oauth_helper.common.times import iso
from oauth_helper.diagnosis import Cause, Responsible, Stage, fix_for
from oauth_helper.failures.model import EventType, Failure, Resolution, Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.scopes import Preflight, Severity

if TYPE_CHECKING:
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.counters import Counters
    from oauth_helper.store.failures import Failures

#: A time, from Unix seconds.
Time = Annotated[str, BeforeValidator(iso), Field(json_schema_extra={"format": "date-time"})]
_TimeOrNull = Annotated[
    str | None,
    BeforeValidator(lambda at: None if at is None else iso(at)),
    Field(json_schema_extra={"format": "date-time"}),
]
_TextOrNull = Annotated[str | None, BeforeValidator(lambda text: text or None)]

#: The reference of an attempt.
Reference = Annotated[
    str,
    Field(
        json_schema_extra={"format": "reference"},
        description="Names an attempt, such as 2M7G-7JW3-4R5J. Its last character is a checksum.",
    ),
]

_ASK = Field(description="What would decide between the causes; empty if nothing is open.")
_UNTRUSTED = Field(description="Text from outside. Don't trust it.")


class JsonModel(BaseModel):
    """JSON for programs, read from an object's attributes. Built on first use, not on import."""

    model_config = ConfigDict(from_attributes=True, defer_build=True)

    @classmethod
    def document_of(cls, value: object) -> dict[str, Any]:
        """Return `value` as a JSON document."""
        return cls.model_validate(value).model_dump(mode="json")


class ScopesJson(JsonModel):
    """The scopes of a link, by parameter."""

    scope: list[str]
    optional_scope: list[str]


class CandidateJson(JsonModel):
    """A possible cause."""

    cause: Cause
    why: str
    scopes: list[str] = Field(description="The scopes that this cause is about.")


class FixJson(JsonModel):
    """What one person can do, step by step."""

    who: Responsible
    steps: list[str]


class DiagnosisJson(JsonModel):
    """Why a connection failed."""

    cause: Cause
    candidates: list[CandidateJson] = Field(description="The likeliest first.")
    scopes: list[str]
    fix: list[FixJson] = Field(validation_alias="fixes")
    ask: str = Field(validation_alias="next_question", description=_ASK.description)


class PreflightProblemJson(JsonModel):
    """A difference between a link and an app."""

    code: Cause
    severity: Severity
    scopes: list[str]
    message: str
    url_fix: str = Field(description="How to fix it in the link; empty if that's impossible.")
    app_fix: str = Field(description="How to fix it in the app; empty if that's impossible.")


class PreflightJson(JsonModel):
    """What HubSpot will say to a link."""

    ok: bool = Field(description="Whether HubSpot will accept the link, as far as can be known.")
    problems: list[PreflightProblemJson] = Field(description="Errors first.")
    requested: ScopesJson = Field(description="What the link asks for.")
    mended: ScopesJson = Field(description="What a link has to ask for to fit the app.")
    corrected_app_config: dict[str, Any] = Field(description="app_config as this link needs it.")

    @classmethod
    def of(cls, checked: Preflight, corrected: Mapping[str, Any]) -> Self:
        """Return a check as JSON; `corrected` is the app's document as the link needs it."""
        return cls.model_validate(
            {
                "ok": checked.ok,
                "problems": checked.problems,
                "requested": checked.requested,
                "mended": checked.fixed_request,
                "corrected_app_config": corrected,
            }
        )


class EventJson(JsonModel):
    """Something that happened to a failure after it was recorded."""

    at: Time
    what: EventType
    by: str
    text: str = _UNTRUSTED
    resolution: Resolution | None = Field(description="Why, if this resolved the failure.")


class FailureJson(JsonModel):
    """A connection that failed."""

    reference: str
    profile: str
    client: _TextOrNull = Field(
        description="The client of the proxy that asked for the connection, if any."
    )
    customer: _TextOrNull = Field(description="The sender's id of the customer, from its link.")
    customer_name: _TextOrNull
    cause: Cause
    stage: Stage
    status: Status
    at: Time
    message: str = _UNTRUSTED
    requested: ScopesJson
    granted: list[str] | None = Field(description="Null if HubSpot didn't say.")
    missing: list[str] = Field(description="The scopes that the cause is about.")
    hub_id: int | None
    correlation_id: _TextOrNull
    candidates: list[CandidateJson] = Field(description="The likeliest first.")
    fix: list[FixJson]
    ask: str = _ASK
    assignee: _TextOrNull = Field(description="The member of staff who works on it.")
    resolution: Resolution | None = Field(description="Why it is resolved; null while it is open.")
    history: list[EventJson] = Field(description="What happened to it later, oldest first.")


class GroupJson(JsonModel):
    """Failures of the same cause, profile and scopes."""

    cause: Cause
    profile: str
    count: Annotated[int, Field(ge=1)]
    first_seen: Time
    last_seen: Time
    sample: list[str] = Field(description="References, newest first.")


class GroupEventJson(GroupJson):
    """A group of failures, with what can be done about it."""

    group: str = Field(validation_alias="fingerprint")
    open: int = Field(validation_alias="open_count")
    scopes: list[str]
    fix: list[FixJson] = []


class ConnectionJson(JsonModel):
    """A connected HubSpot account, without its tokens."""

    id: str
    profile: str
    hub_id: int | None
    hub_domain: _TextOrNull = Field(description="The account's domain, once HubSpot was asked.")
    scopes: list[str] | None = Field(
        validation_alias="granted", description="Those granted; null if HubSpot didn't say."
    )
    missing_optional: list[str] = Field(description="Optional scopes that were not granted.")
    connected_at: Time
    ended_at: _TimeOrNull = Field(description="When HubSpot was seen to reject its tokens.")
    reference: Reference
    client: _TextOrNull = Field(description="The client of the proxy that has the tokens, if any.")
    customer: _TextOrNull = Field(description="The sender's id of the customer, from its link.")
    customer_name: _TextOrNull


class AuditEntryJson(JsonModel):
    """Something that staff, a program or an operator did."""

    id: str
    at: Time
    who: str = Field(description="A member of the staff, or the token of a program.")
    action: str
    records: list[str] = Field(description="References, and ids of connections and links.")
    detail: str


class ConnectLinkJson(JsonModel):
    """A link that a customer opens to connect, once."""

    id: str
    url: str
    expires_at: Time
    status: Literal["open", "connected", "expired", "withdrawn"]
    profile: str
    customer: _TextOrNull
    customer_name: _TextOrNull
    reference: _TextOrNull = Field(description="The attempt that used it up, once connected.")
    connection: _TextOrNull = Field(description="The id of the connection, once connected.")


class TokenJson(JsonModel):
    """A working access token."""

    connection: str = Field(description="The connection's id.")
    access_token: str
    token_type: Literal["bearer"]
    expires_in: Annotated[int, Field(ge=0)] = Field(description="Seconds.")
    expires_at: Time
    token_id: str = Field(pattern="^[0-9a-f]{16}$", description="Names the token. Not a secret.")
    hub_id: int | None
    scopes: list[str] | None


def failure_json(failure: Failure) -> dict[str, Any]:
    """Return a failure as the API gives it."""
    return FailureJson.document_of(failure)


def read_record(
    record: str, *, failures: Failures, connections: Connections, counters: Counters
) -> dict[str, Any] | None:
    """Return `failure:<reference>`, `connection:<id>` or `group:<fingerprint>` as JSON.

    None if it is gone.

    Raises `StoreUnavailableError`.
    """
    kind, _, name = record.partition(":")
    if kind == "failure":
        failure = failures.get(name)
        return failure_json(failure) if failure else None
    if kind == "group":
        for group in counters.groups(FailureQuery(group=name), limit=1):
            fixes = fix_for(Cause(group.cause), scopes=group.scopes, profile=group.profile)
            fix = [FixJson.document_of(each) for each in fixes]
            return {**GroupEventJson.document_of(group), "fix": fix}
        return None
    connection = connections.get(name)
    return ConnectionJson.document_of(connection) if connection else None
