"""Views of the API that get models and return them, from which OpenAPI describes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import cleandoc
from typing import Any, get_args, get_type_hints

from flask import Response, abort, request
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from oauth_helper.web.api.validation import validate

View = Callable[..., Any]

# App files are nested about eight deep.
_MAX_DEPTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a view reads and returns. `errors` says what each status means; empty for the usual.

    `scope` is what a token of API_TOKENS_FILE needs.
    """

    id: str
    scope: str
    summary: str
    description: str
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answer: type[BaseModel]
    errors: Mapping[int, str]
    status: int = 200


# The errors of every operation, of those with a query or a body, and of those with a body.
_ERRORS = {401: "The bearer token is missing or wrong", 503: "It works again later"}
_INPUT_ERRORS = {400: "What is wrong with the request"}
_BODY_ERRORS = {413: "", 415: ""}

_operations: dict[View, Operation] = {}


def operation_of(view: View) -> Operation | None:
    """Return how a view was described; None if it wasn't."""
    return _operations.get(view)


def operation(
    operation_id: str, scope: str, errors: Mapping[int, str] | None = None, *, status: int = 200
) -> Callable[[View], View]:
    """Give the view the `query` and `body` that its annotations ask for, and send what it returns.

    That is the model that its annotation names, or an error as a response. `errors` says what its
    statuses mean. For wrong input the view isn't called: `InvalidRequestError`.
    """

    def decorate(view: View) -> View:
        hints = get_type_hints(view)
        returned = hints["return"]
        summary, _, description = cleandoc(view.__doc__ or "").partition("\n\n")
        described = Operation(
            id=operation_id,
            scope=scope,
            summary=summary.rstrip("."),
            description=description,
            query=hints.get("query"),
            body=hints.get("body"),
            answer=next(each for each in (*get_args(returned), returned) if each is not Response),
            errors={
                **(_INPUT_ERRORS if {"query", "body"} & set(hints) else {}),
                **(_BODY_ERRORS if "body" in hints else {}),
                **_ERRORS,
                403: f"The token lacks the scope {scope}",
                **(errors or {}),
            },
            status=status,
        )

        @wraps(view)
        def read_and_answer(**given: object) -> Response:
            if described.query:
                given["query"] = validate(described.query, request.args.to_dict())
            if described.body:
                is_absent = not request.content_length and accepts_no_body(described.body)
                given["body"] = validate(described.body, {} if is_absent else json_body())
            answer = view(**given)
            if isinstance(answer, Response):
                return answer
            response = json_response(answer)
            response.status_code = status
            return response

        _operations[read_and_answer] = described
        return read_and_answer

    return decorate


def accepts_no_body(model: type[BaseModel]) -> bool:
    """Return whether a request without a body is a request with the model's defaults."""
    return getattr(model, "may_be_absent", False)


def json_response(answer: BaseModel) -> Response:
    """Return the response that holds a model."""
    try:
        text = answer.model_dump_json()
    except PydanticSerializationError:  # half of a surrogate pair, which JSON has to escape
        text = json.dumps(answer.model_dump(mode="json"))
    return Response(f"{text}\n", mimetype="application/json")


def json_body() -> object:
    """Return the JSON body of this request.

    Ends the request with 415 for another media type, and with 400 for what is no JSON object.
    """
    if not request.is_json:
        abort(415, "The body has to be JSON, with the header Content-Type: application/json.")
    try:
        document = json.loads(request.get_data(), parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        abort(400, f"The body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}.")
    except (ValueError, RecursionError):  # no UTF-8, a number of 5000 digits, nested too deep
        abort(400, "The body is no JSON that can be read.")
    if not isinstance(document, dict):
        abort(400, "The body has to be a JSON object.")
    if _depth_exceeds(document, _MAX_DEPTH):
        abort(400, f"The body is nested more than {_MAX_DEPTH} deep.")
    return document


def _reject_constant(name: str) -> None:
    raise ValueError(name)


def _depth_exceeds(document: object, most: int) -> bool:
    level: list[Any] = [document]
    for _ in range(most):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, (dict, list))
        ]
    return bool(level)
