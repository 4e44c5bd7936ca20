"""The queries that the API reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticKnownError

from oauth_helper.common.references import parse_reference
from oauth_helper.failures.search import Search, read_search
from oauth_helper.web.api.validation import wrong
from oauth_helper.web.failure_query import FailureFilters, OptionalTime


def _digits(text: str) -> str:
    """Let pydantic read nothing but digits: its numbers may have signs and underscores."""
    if not re.fullmatch("[0-9]{1,3}", text):
        raise PydanticKnownError("int_type")
    return text


def _read_search(text: str) -> Search:
    search = read_search(text)
    if search.problems:
        raise ValueError(search.problems[0].rstrip("."))
    return search


def _read_reference(text: str) -> str:
    reference = parse_reference(text)
    if reference is None:
        raise wrong("is none; is it mistyped?")
    return reference


def _read_audit_cursor(text: str) -> str:
    if not re.fullmatch(_AUDIT_CURSOR, text, re.ASCII):
        raise wrong("is no place in the list")
    return text


_PageLimit = Annotated[int, Field(ge=1, le=200), BeforeValidator(_digits)]
_Search = Annotated[Search, PlainValidator(_read_search), WithJsonSchema({"type": "string"})]
_Reference = Annotated[
    str | None,
    PlainValidator(_read_reference),
    WithJsonSchema({"type": "string", "format": "reference"}),
]
_AUDIT_CURSOR = "^(7[0-9]{5}_[0-9]{1,13}-[0-9]{1,9})?$"
_AuditCursor = Annotated[
    str,
    PlainValidator(_read_audit_cursor),
    WithJsonSchema({"type": "string", "pattern": _AUDIT_CURSOR}),
]
_CURSOR = "The next_cursor of the page before."


class FailureListQuery(FailureFilters):
    """Filters, a search, and a place in the list."""

    q: _Search = Field(
        Search(()),
        description="Words in the texts of a failure; field:value, quotes, a hyphen to exclude.",
    )
    limit: _PageLimit = 50
    cursor: str = Field("", json_schema_extra={"format": "cursor"}, description=_CURSOR)


class ConnectionListQuery(BaseModel):
    """Filters, and a place in the list."""

    model_config = ConfigDict(defer_build=True)

    reference: _Reference = Field(None, description="The reference that came with return_to.")
    hub_id: str | None = Field(
        None, pattern="^[0-9]{1,15}$", description="The number of a HubSpot account."
    )
    profile: str | None = Field(
        None, pattern="^[a-z0-9][a-z0-9_-]{0,31}$", description="The name of a profile."
    )
    customer: str | None = Field(None, max_length=80, description="Your id of a customer.")
    missing_scope: str | None = Field(
        None,
        pattern="^[A-Za-z0-9._-]{1,100}$",
        description="A scope that wasn't granted; any: one that the profile requests today and "
        "that the account was never asked for.",
    )
    limit: _PageLimit = 50
    cursor: str | None = Field(
        None,
        json_schema_extra={"pattern": "^[0-9]{1,12}_[A-Za-z0-9._-]{1,200}$"},
        description=_CURSOR,
    )


class ErasureQuery(BaseModel):
    """Whether to count only."""

    model_config = ConfigDict(defer_build=True)

    dry_run: Literal["true", "false"] = Field("false", description="true only counts.")


class AuditQuery(BaseModel):
    """A time, and a place in the list."""

    model_config = ConfigDict(defer_build=True)

    since: OptionalTime = Field(None, description="RFC 3339 or Unix seconds; included.")
    until: OptionalTime = Field(None, description="RFC 3339 or Unix seconds; not included.")
    limit: _PageLimit = 50
    cursor: _AuditCursor = Field("", description=_CURSOR)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: Mapping[str, str]) -> dict[str, str]:
        return {name: each for name, each in values.items() if each or name == "limit"}


class TokenQuery(BaseModel):
    """Which token no longer works."""

    model_config = ConfigDict(defer_build=True)

    refused: str | None = Field(
        None,
        pattern="^[0-9a-f]{16}$",
        description="The token_id of an earlier answer. Give it if HubSpot rejected that token "
        "before it expired: if it's still the current token, it's refreshed.",
    )
