"""The bodies that the API reads, and the answers that only the API gives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticKnownError

from oauth_helper.diagnosis import Cause, Role, Stage
from oauth_helper.diagnosis.app_check import (
    CheckedLink,
    LinkError,
    check_size,
    link_in,
    link_with,
    read_app,
)
from oauth_helper.hubspot.token_response import TokenResponse, read_token_response
from oauth_helper.scopes import (
    AppConfiguration,
    Tier,
    join_scope,
    parse_scope,
    read_app_configuration,
)
from oauth_helper.web.api.failure_schemas import (
    AuditEntryJson,
    ConnectionJson,
    FailureJson,
    GroupJson,
    JsonModel,
    Reference,
)
from oauth_helper.web.api.validation import MAX_PROBLEMS, kind_of, wrong

# Seconds; no code is older than a year.
_MAX_CODE_AGE = 31_536_000


@dataclass(frozen=True, slots=True)
class App:
    """What an app's file lists, and the document that says so."""

    configuration: AppConfiguration
    document: dict[str, Any]


def _read_app(given: object) -> App:
    if isinstance(given, str):
        file = read_app(given, origin="app_config")
        return App(file.configuration, file.document)
    if not isinstance(given, dict):
        raise wrong(f"has to be an object, or text, not {kind_of(given)}")
    configuration = read_app_configuration(given, origin="app_config")
    check_size(configuration, origin="app_config")
    return App(configuration, given)


def _read_scopes(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        return parse_scope(given)
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return parse_scope(" ".join(given))
    wanted = "text with spaces between the scopes, or a list of texts"
    raise wrong(f"has to be {wanted}, not {kind_of(given)}")


def _read_link(given: object) -> CheckedLink:
    if not isinstance(given, str):
        raise wrong(f"has to be text, not {kind_of(given)}")
    return link_in(given)


def _read_content(given: object) -> str:
    if isinstance(given, dict):
        return json.dumps(given)
    if isinstance(given, str):
        return given
    raise wrong(f"has to be an object, or text, not {kind_of(given)}")


def _no_text(given: object) -> object:
    """Let pydantic read a number: 200.0 is a whole one in JSON, but "200" and true are not."""
    if isinstance(given, (str, bool)):
        raise PydanticKnownError("int_type")
    return given


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise wrong("has to be one line of text")
    return text


_Line = Annotated[str, AfterValidator(_one_line)]
_AppConfig = Annotated[
    App, PlainValidator(_read_app), WithJsonSchema({"type": ["object", "string"]})
]
_Scopes = Annotated[
    tuple[str, ...] | None,
    PlainValidator(_read_scopes),
    WithJsonSchema({"type": ["string", "array", "null"], "items": {"type": "string"}}),
]
_APP_CONFIG = (
    "The content of the app's app-hsmeta.json or public-app.json, as an object or as text."
)
_SCOPES = "Scopes in a text with spaces between them, or in a list."


class RequestBody(BaseModel):
    """A JSON object with known fields. Null reads as missing. Not every unknown field is named."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        given = {key: values[key] for key in cls.model_fields if values.get(key) is not None}
        unknown = (key for key in values if key not in cls.model_fields)
        return given | {key: values[key] for key in islice(unknown, MAX_PROBLEMS)}


class _LinkBody(RequestBody):
    """A body that may hold the scopes of a link."""

    scope: _Scopes = Field(None, description=_SCOPES)
    optional_scope: _Scopes = Field(None, description=_SCOPES)

    @property
    def has_scopes(self) -> bool:
        """Return whether scopes are given; they may be empty."""
        return self.scope is not None or self.optional_scope is not None

    @property
    def link(self) -> CheckedLink | None:
        """Return the link with these scopes; None without any. Raises `LinkError` for too many."""
        if not self.has_scopes:
            return None
        return link_with(join_scope(self.scope or ()), join_scope(self.optional_scope or ()))

    @model_validator(mode="after")
    def _check_link(self) -> Self:
        try:
            _ = self.link
        except LinkError as error:
            raise wrong(str(error), field="scope") from error
        return self


class PreflightRequest(_LinkBody):
    """An app, and the link to compare it with."""

    app_config: _AppConfig = Field(description=_APP_CONFIG)
    profile: str | None = Field(None, description="Not together with scope.")

    @model_validator(mode="after")
    def _check_profile(self) -> Self:
        if self.profile is not None and self.has_scopes:
            raise wrong("give either profile or scope", field="profile")
        return self


class TokenEndpointAnswer(RequestBody):
    """What HubSpot's token endpoint answered."""

    status: Annotated[int, BeforeValidator(_no_text)] = Field(ge=100, le=599)
    body: Annotated[
        str, PlainValidator(_read_content), WithJsonSchema({"type": ["object", "string", "null"]})
    ] = ""

    def read(self) -> TokenResponse:
        """Return the answer as the token client reads it."""
        return read_token_response(self.status, {}, self.body.encode(errors="replace"))


class DiagnoseRequest(_LinkBody):
    """What is known of a failed connection."""

    message: str | None = Field(None, description="What HubSpot's page, endpoint or API said.")
    stage: Stage | None = Field(
        None, description="Without it: token if there is a response, otherwise authorization."
    )
    authorize_url: Annotated[
        CheckedLink | None, PlainValidator(_read_link), WithJsonSchema({"type": ["string", "null"]})
    ] = Field(
        None,
        description="The link that was opened, or the address of HubSpot's error page. "
        "Not together with scope.",
    )
    app_config: _AppConfig | None = Field(None, description=_APP_CONFIG)
    response: TokenEndpointAnswer | None = None
    tier: Tier | None = Field(None, description="The account's subscription.")
    role: Role | None = Field(None, description="The role of the person who connects.")
    code_age: Annotated[int | None, BeforeValidator(_no_text)] = Field(
        None,
        ge=0,
        le=_MAX_CODE_AGE,
        description="Seconds between the callback and the token request.",
    )

    @property
    def link(self) -> CheckedLink | None:
        """Return the link that was opened, or the one with these scopes."""
        return self.authorize_url or super().link

    @model_validator(mode="after")
    def _check_one_link(self) -> Self:
        if self.authorize_url and self.has_scopes:
            raise wrong("give either it or scope", field="authorize_url")
        return self


class AuditPageJson(JsonModel):
    """A page of the audit log."""

    entries: list[AuditEntryJson]
    next_cursor: str | None = Field(description="Leads to older ones; null on the last page.")


class FailurePage(JsonModel):
    """Failures, newest first."""

    failures: list[FailureJson]
    next_cursor: str | None


class GroupList(JsonModel):
    """Groups of failures, the largest first."""

    groups: list[GroupJson]


class ConnectionPage(JsonModel):
    """Connections, latest first. There may be more behind a page that isn't full."""

    connections: list[ConnectionJson]
    next_cursor: str | None


class ConnectLinkBody(RequestBody):
    """A link to make, and for whom."""

    profile: str
    customer: _Line | None = Field(None, max_length=80, description="Your id of the customer.")
    customer_name: _Line | None = Field(None, max_length=80, description="What staff read.")
    optional_scope: _Scopes = Field(None, description="Only these optional scopes.")
    return_to: _Line | None = Field(
        None, max_length=500, description="Where the customer continues."
    )
    hub_id: Annotated[int | None, BeforeValidator(_no_text)] = Field(
        None, ge=1, le=10**15 - 1, description="Preselects an account."
    )
    expires_in: Annotated[int | None, BeforeValidator(_no_text)] = Field(
        None, ge=60, le=30 * 86_400, description="Seconds; 7 days without it."
    )


class ReconnectBody(RequestBody):
    """How long the link works."""

    may_be_absent: ClassVar[bool] = True
    expires_in: Annotated[int | None, BeforeValidator(_no_text)] = Field(
        None, ge=60, le=30 * 86_400, description="Seconds; 7 days without it."
    )


class RevocationBody(RequestBody):
    """What to do at HubSpot. A request without a body revokes the tokens."""

    may_be_absent: ClassVar[bool] = True
    uninstall: StrictBool | None = Field(
        None,
        description="Uninstall the app; its admins get an e-mail.",
    )
    forget: StrictBool | None = Field(
        None, description="Only delete it here, unless the app is to be uninstalled."
    )


class Revocation(JsonModel):
    """A connection that is gone."""

    connection: str = Field(description="Its id.")
    revoked: Literal[True]
    message: str = Field(description="What was done at HubSpot.")


class ErasureJson(JsonModel):
    """What was erased, or would be."""

    failures: int
    attempts: int
    connections: int
    links: int
    events: int = Field(description="Those that waited in the outbox of the instance that answers.")
    dry_run: bool


class ProblemField(JsonModel):
    """What is wrong with one field or parameter."""

    field: str = Field(description="Dotted inside objects; empty if it is about several fields.")
    reason: str


class Problem(JsonModel):
    """Why a request failed (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemField] = Field([], description="What is wrong with the request.")
    reference: Reference = Field("", description="The failure in the log.")
    cause: Cause | None = Field(None, description="The failure's cause.")
