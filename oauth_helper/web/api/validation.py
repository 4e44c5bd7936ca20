"""Check what a request says by a model, and name every problem with its field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from oauth_helper.scopes import nearest
from oauth_helper.scopes.files import FileError

Model = TypeVar("Model", bound=BaseModel)

#: Problems that are named: a body may have a megabyte of wrong fields.
MAX_PROBLEMS = 20

_MAX_NAME = 60

# By pydantic's types of errors.
_REASONS = {
    "missing": "is missing",
    "string_type": "has to be text, not {kind}",
    "model_type": "has to be an object, not {kind}",
}
_NOT_WHOLE = (
    "int_type",
    "int_from_float",
    "finite_number",
    "greater_than_equal",
    "less_than_equal",
)

_TYPE_NAMES = {
    str: "text",
    list: "a list",
    dict: "an object",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with a field. `field` is dotted inside objects; `sentence` names it too."""

    field: str
    reason: str
    sentence: str


class InvalidRequestError(ValueError):
    """A query or a body that can't be used. The message names each problem."""

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.sentence for problem in self.problems))


def validate(model: type[Model], values: object) -> Model:
    """Return `values` as a `model`. Raises `InvalidRequestError` that names every problem."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_problem(each, model) for each in details[:MAX_PROBLEMS]]
        if more := details[MAX_PROBLEMS:]:
            reason = f"{len(more):,} more problems"
            problems.append(FieldProblem("", reason, f"and {reason}"))
        raise InvalidRequestError(problems) from error


def wrong(reason: str, field: str = "") -> PydanticCustomError:
    """Return the error for a validator to raise; `field` is for one that checks several."""
    return PydanticCustomError("reason", "{reason}", {"reason": reason, "field": field})


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    return _TYPE_NAMES.get(type(value), "null")


def _problem(details: ErrorDetails, model: type[BaseModel]) -> FieldProblem:
    *path, last = map(str, details["loc"] or ("",))
    field, parent = ".".join((*path, last)), _model_at(model, path)
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            return _unknown(path, last, parent.model_fields)
        case "value_error":
            error = context["error"]
            reason = "; ".join(error.problems) if isinstance(error, FileError) else str(error)
            return FieldProblem(field, reason, f"{field}: {reason}")
        case "reason" if named := context["field"]:
            return FieldProblem(named, context["reason"], f"{named}: {context['reason']}")
    reason = _reason(details, parent.model_fields.get(last))
    return FieldProblem(field, reason, f"{field} {reason}")


def _reason(details: ErrorDetails, field: FieldInfo | None) -> str:
    """Return what a field has to be; its description says so where that is a pattern."""
    context = details.get("ctx", {})
    match details["type"]:
        case "reason":
            return str(context["reason"])
        case "enum" | "literal_error":
            choices = context["expected"].replace("'", "").replace(" or ", ", ")
            return f"has to be one of {choices}"
        case "string_pattern_mismatch" if field and field.description:
            meaning = field.description.partition(".")[0]
            return f"has to be {meaning[0].lower()}{meaning[1:]}"
        case name if name in _NOT_WHOLE and field:
            return f"has to be a whole number{_range_of(field)}"
        case name:
            reason = _REASONS.get(name, details["msg"])
            return reason.replace("{kind}", kind_of(details["input"]))


def _range_of(field: FieldInfo) -> str:
    bounds = [
        f"{getattr(each, name):,}"
        for name in ("ge", "le")
        for each in field.metadata
        if hasattr(each, name)
    ]
    return f" from {' to '.join(bounds)}" if bounds[1:] else ""


def _unknown(path: list[str], name: str, known: Mapping[str, object]) -> FieldProblem:
    """Name a field that doesn't exist, with the one that was probably meant."""
    every = [".".join((*path, each)) for each in known]
    field = ".".join((*path, name[:_MAX_NAME]))
    meant = nearest(field, every) if len(name) <= _MAX_NAME else None
    hint = f"did you mean {meant}?" if meant else f"there are {', '.join(every)}"
    return FieldProblem(field, f"is unknown; {hint}", f"unknown field: {field} ({hint})")


def _model_at(model: type[BaseModel], path: Iterable[str]) -> type[BaseModel]:
    """Return the model of the object at `path`, below `model`."""
    for name in path:
        if name in model.model_fields:  # others are indexes of lists
            model = next(_models_in(model.model_fields[name].annotation), model)
    return model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each
