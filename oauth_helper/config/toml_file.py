"""Files of settings in TOML: read, and each key held against what may stand there."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oauth_helper.scopes import nearest

_TYPE_NAMES = {str: "text", list: "a list of texts", bool: "true or false", int: "a number"}


def read_settings_file(path: Path, raises: Callable[[list[str]], Exception]) -> dict[str, Any]:
    """What is in the file at `path`. Raises what `raises` makes of the problem."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise raises([f"{path} cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise raises([f"{path} is not TOML: {error}"]) from error
    except (RecursionError, ValueError) as error:  # nested too deep, or a number of 5000 digits
        raise raises([f"{path} is not TOML that can be read"]) from error


def problems_of_keys(table: Mapping[str, Any], types: Mapping[str, type]) -> list[str]:
    """What is wrong with a table whose keys have these types; a list is one of texts."""
    problems = []
    for key, value in table.items():
        if key not in types:
            meant = nearest(key, types)
            hint = f"; did you mean {meant!r}?" if meant else ""
            problems.append(f"unknown key {key!r}{hint}")
        elif not _is_of(value, types[key]):
            problems.append(f"{key} has to be {_TYPE_NAMES[types[key]]}")
    return problems


def _is_of(value: object, of: type) -> bool:
    if of is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, of) and not (of is int and isinstance(value, bool))
