"""Read TOML files of settings into pydantic models, and report every problem with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from oauth_helper.scopes import nearest

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

#: For models of tables. Errors don't show values, because a table may have a secret in the wrong
#: place.
TABLE = ConfigDict(
    extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, defer_build=True
)

# What a value must be, by pydantic's types of errors.
_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "greater_than_equal": "{ge} or more",
    "literal_error": "{expected}",
    "tuple_type": "a list of texts",
    "frozen_set_type": "a list of texts",
    "model_type": "a table",
}


class SettingsError(ValueError):
    """Settings can't be used. `problems` names each problem with its place.

    `setting` is the setting at fault, if it isn't the one that was being read.
    """

    def __init__(self, problems: list[str], *, setting: str = "") -> None:
        self.problems = problems
        self.setting = setting
        super().__init__("\n".join(problems))


def read_tables(path: Path, key: str, form: str, read: Callable[[str, object], T]) -> tuple[T, ...]:
    """Return the result of `read` for each table: `form` is `[key.<name>]` or `[[key]]`.

    `read` gets a table's name, or its number from 1, and the table. Raises `SettingsError` with the
    problems of all tables.
    """
    document = _read_document(path)
    tables = document.pop(key, None)
    entries: Iterable[tuple[object, object]]
    if form.startswith("[["):
        entries = enumerate(tables, 1) if isinstance(tables, list) else ()
    else:
        entries = tables.items() if isinstance(tables, dict) else ()
    results, problems = [], [f"{path}: unknown key {other!r}" for other in document]
    for name, table in entries:
        try:
            results.append(read(str(name), table))
        except SettingsError as error:
            problems += [f"{path}: {problem}" for problem in error.problems]
    if not tables or not entries:
        problems = [f"{path} has no {form} table"]
    if problems:
        raise SettingsError(problems)
    return tuple(results)


def validate_settings(model: type[M], values: object, context: object, *, place: str = "") -> M:
    """Return `values` as a `model`, whose validators get `context`.

    Raises `SettingsError` with every problem, each after `place`.
    """
    try:
        return model.model_validate(values, context=context)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    problems = [place + problem for each in details for problem in _problems(each, model)]
    raise SettingsError(list(dict.fromkeys(problems)))


def did_you_mean(name: str | None) -> str:
    """Return the end of an error about an unknown name: the one that was probably meant."""
    return f"; did you mean {name!r}?" if name else ""


def _problems(error: ErrorDetails, model: type[BaseModel]) -> Iterator[str]:
    key, *item = error["loc"] or ("",)
    # The location of a default is the name of the field.
    key = getattr(model.model_fields.get(str(key)), "alias", None) or key
    kind, context = error["type"], error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, SettingsError):
        yield from (f"{cause.setting or key} {problem}" for problem in cause.problems)
    elif cause:
        about = f"{key} entry {int(item[0]) + 1}" if item else str(key)
        yield f"{about} {cause}".lstrip()
    elif kind == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        yield f"unknown key {key!r}{did_you_mean(nearest(str(key), known))}"
    elif kind == "missing":
        yield f"{key} is missing"
    else:
        expected = "a list of texts" if item else _EXPECTED[kind].format(**context)
        yield f"{key} must be {expected}".lstrip()


def _read_document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path} is not TOML: {error}"]) from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of 5000 digits
        raise SettingsError([f"{path} is not TOML that can be read"]) from error
