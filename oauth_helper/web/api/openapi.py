"""The OpenAPI document of the API, generated from its views and their models."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import lru_cache
from http import HTTPStatus
from importlib import resources
from typing import Any

from flask import current_app
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from oauth_helper.web.api.operation import Operation, accepts_no_body, operation_of
from oauth_helper.web.api.schemas import Problem

Document = dict[str, Any]

_DESCRIPTION = (
    "Failed HubSpot connections, what makes connections fail, and the connections themselves "
    "with fresh access tokens. The connections have a separate bearer token. A token of "
    "API_TOKENS_FILE opens the operations whose scopes it has."
)
_SCHEMAS = "#/components/schemas/"
# By blueprint: the heading, and the name and the setting of the bearer token.
_GROUPS = {
    "api": ("Failures", "bearer", "SUPPORT_API_TOKEN"),
    "api_audit": ("Audit", "bearer", "SUPPORT_API_TOKEN"),
    "api_links": ("Connect links", "bearer", "SUPPORT_API_TOKEN"),
    "api_connections": ("Connections", "connections", "CONNECTIONS_API_TOKEN"),
    "api_erasure": ("Erasure", "connections", "CONNECTIONS_API_TOKEN"),
}
# By status, the header that an error always has.
_HEADERS = {401: ("WWW-Authenticate", "^Bearer "), 503: ("Retry-After", "^[0-9]+$")}


@lru_cache(maxsize=1)
def openapi_document() -> str:
    """Return the OpenAPI document of the operations; every application has the same ones."""
    text = resources.files(__package__).joinpath("examples.json").read_text("utf-8")
    examples, paths, schemas = json.loads(text), defaultdict[str, Document](dict), Document()
    for rule in current_app.url_map.iter_rules():
        operation = operation_of(current_app.view_functions[rule.endpoint])
        if operation is not None and rule.methods:
            described = _described(operation, schemas, examples.get(operation.id, {}))
            heading, token, _ = _GROUPS[rule.endpoint.partition(".")[0]]
            described |= {"tags": [heading], "security": [{token: [operation.scope]}]}
            described["parameters"] += [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in sorted(rule.arguments)
            ]
            path = re.sub("<([a-z_]+)>", r"{\1}", rule.rule)
            paths[path] |= {each.lower(): described for each in rule.methods - {"HEAD", "OPTIONS"}}
    tokens = {
        name: {"type": "http", "scheme": "bearer", "description": setting}
        for _, name, setting in _GROUPS.values()
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "oauth_helper", "version": "1", "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": tokens},
    }
    return json.dumps(document)


def _described(operation: Operation, schemas: Document, examples: Document) -> Document:
    """Describe an operation, and add the schemas that it refers to to `schemas`."""
    problem = _reference(Problem, "serialization", schemas)
    answer = _reference(operation.answer, "serialization", schemas)
    described: Document = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": f"{operation.description}\n\nScope: `{operation.scope}`.".strip(),
        "parameters": [],
        "responses": {
            str(operation.status): {
                "description": "OK",
                "content": _json(answer, examples.get("answers", {})),
            },
            **{str(each): _error(each, why, problem) for each, why in operation.errors.items()},
        },
    }
    if operation.query:
        properties = _schema(operation.query, "validation", schemas)["properties"]
        described["parameters"] = [_parameter(*each) for each in properties.items()]
    if operation.body:
        body = _schema(operation.body, "validation", schemas)
        content = _json(body, examples.get("bodies", {}))
        described["requestBody"] = {
            "required": not accepts_no_body(operation.body),
            "content": content,
        }
    return described


class _Schemas(GenerateJsonSchema):
    """JSON Schema without suffixes, titles made from names, and defaults other than numbers."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).removesuffix("Json")

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Document:
        described = super().default_schema(schema)
        if not isinstance(described.get("default"), int):
            described.pop("default", None)
        return described

    def model_schema(self, schema: core_schema.ModelSchema) -> Document:
        return {key: each for key, each in super().model_schema(schema).items() if key != "title"}


def _schema(model: type[BaseModel], mode: JsonSchemaMode, schemas: Document) -> Document:
    reference = f"{_SCHEMAS}{{model}}"
    schema = model.model_json_schema(mode=mode, ref_template=reference, schema_generator=_Schemas)
    schemas |= schema.pop("$defs", {})
    return schema


def _reference(model: type[BaseModel], mode: JsonSchemaMode, schemas: Document) -> Document:
    name = model.__name__.removesuffix("Json")
    schemas[name] = _schema(model, mode, schemas)
    return {"$ref": _SCHEMAS + name}


def _json(schema: Document, examples: Document) -> Document:
    return {"application/json": {"schema": schema, "examples": examples}}


def _error(status: int, why: str, problem: Document) -> Document:
    name, pattern = _HEADERS.get(status, ("", ""))
    header = {"required": True, "schema": {"type": "string", "pattern": pattern}}
    return {
        "description": why or HTTPStatus(status).phrase,
        "headers": {name: header} if name else {},
        "content": {"application/problem+json": {"schema": problem}},
    }


def _parameter(name: str, schema: Document) -> Document:
    """Describe a parameter of a query, which is missing where the model says None."""
    given = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
    schema |= {"anyOf": given} if given[1:] else dict(*given)
    described = {"name": name, "in": "query", "description": schema.pop("description", "")}
    return {**described, "schema": schema}
