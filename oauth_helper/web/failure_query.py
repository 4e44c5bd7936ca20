"""Which failures an address asks for: the filters and the search in its query."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from flask import current_app
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from oauth_helper.common.times import parse_time
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FIELDS, FailureQuery
from oauth_helper.failures.search import Search
from oauth_helper.web.api.validation import validate, wrong

#: Time spans to choose from, as addresses name them: seconds back from now.
SPANS: Final = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}

#: The span that begins with the day (UTC).
TODAY: Final = "today"

#: The parameters that filter; others are for paging.
PARAMETERS: Final = ("q", *FIELDS, "customer", "within", "since", "until")


def _read_time(text: str) -> float:
    try:
        return parse_time(text)
    except ValueError as error:
        raise wrong(f"is no time: {error}") from error


def _read_span(text: str) -> str:
    if text != TODAY and text not in SPANS:
        raise wrong(f"has to be one of {', '.join((TODAY, *SPANS))}")
    return text


#: A time in a query; None without one.
OptionalTime = Annotated[
    float | None,
    PlainValidator(_read_time),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "pattern": "^([0-9]{1,11}([.][0-9]{1,6})?)?$"},
            ]
        }
    ),
]
_Span = Annotated[
    str | None,
    PlainValidator(_read_span),
    WithJsonSchema({"type": "string", "enum": ["", TODAY, *SPANS]}),
]


def _describe_empty(schema: dict[str, Any]) -> None:
    """Describe filters that may be None as parameters that may be empty."""
    for each in schema["properties"].values():
        if "anyOf" in each:
            each["anyOf"] = [
                {"const": ""} if one == {"type": "null"} else one for one in each["anyOf"]
            ]


class FailureFilters(BaseModel):
    """The filters in a query. One that is empty asks for any."""

    model_config = ConfigDict(defer_build=True, json_schema_extra=_describe_empty)

    cause: Cause | None = None
    profile: str | None = None
    client: str | None = Field(
        None, description="The client of the proxy that asked for the connection; - for none."
    )
    status: Status | None = None
    stage: Stage | None = None
    account: str | None = Field(
        None, pattern="^[0-9]{1,15}$", description="The number of a HubSpot account."
    )
    assignee: str | None = Field(
        None, description="The member of staff who works on it; - for nobody."
    )
    scope: str | None = Field(None, description="A scope that the failure is about.")
    group: str | None = Field(
        None, description="What failures of the same cause, profile and scopes share."
    )
    customer: str | None = Field(None, max_length=80, description="Your id of a customer.")
    within: _Span = Field(None, description="A time span up to now.")
    since: OptionalTime = Field(None, description="RFC 3339 or Unix seconds; included.")
    until: OptionalTime = Field(None, description="RFC 3339 or Unix seconds; not included.")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: Mapping[str, str]) -> dict[str, str]:
        filters = FailureFilters.model_fields
        return {name: each for name, each in values.items() if each or name not in filters}

    def failure_query(self, search: Search) -> FailureQuery:
        """Return the query for these filters and `search`, with a span counted from now."""
        return FailureQuery(
            **{name: getattr(self, name) for name in (*FIELDS, "customer")},
            terms=search.terms,
            since=self._since(),
            until=self.until,
        )

    def _since(self) -> float | None:
        """Return the later of `since` and the start of the span `within`."""
        if self.within is None:
            return self.since
        now = current_app.config["CLOCK"]()
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = day.timestamp() if self.within == TODAY else now - SPANS[self.within]
        return max(self.since or 0.0, start)


def failure_query_from(query: Mapping[str, str], search: Search) -> FailureQuery:
    """Return the filters in `query` with `search`. Raises ValueError that names wrong ones."""
    return validate(FailureFilters, dict(query)).failure_query(search)
