"""Where the app's file is: as it is named, in a project's folder, or on standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from oauth_helper.diagnosis.app_check import read_app
from oauth_helper.scopes import AppConfigurationError
from oauth_helper.scopes.app_configuration import has_variable
from oauth_helper.scopes.app_file import AppFile
from oauth_helper.scopes.files import MAX_BYTES, as_text, read_bytes
from oauth_helper.scopes.json_file import JsonFileError, read_json

# Folders above the app's file in which its configuration profile may be: `src` in a project.
_ABOVE = 3


def app_file(path: str, *, hs_profile: str | None = None) -> AppFile:
    """Return the app's file at `path`, in that folder, or that on stdin for "-".

    `hs_profile` names the configuration profile whose values stand for the file's `${NAME}`. Raises
    `AppConfigurationError`.
    """
    if path == "-":
        if hs_profile is not None:
            raise AppConfigurationError("standard input", ["--hs-profile needs a path"])
        return read_app(sys.stdin.buffer.read(MAX_BYTES + 1), origin="standard input")
    found = in_folder(Path(path)) if Path(path).is_dir() else Path(path)
    variables = _variables(found, hs_profile) if hs_profile is not None else None
    raw = read_bytes(found, AppConfigurationError)
    file = read_app(raw, origin=str(found), variables=variables)
    if variables is not None:
        _check_filled_in(file, hs_profile or "")
    return file


def in_folder(folder: Path) -> Path:
    """Return the one app file of a project: `src/app/*-hsmeta.json`, or `public-app.json`.

    `folder` may be the project's, its source folder or the app's own. Raises
    `AppConfigurationError`.
    """
    found = sorted(set(_app_files(folder)))
    if len(found) == 1:
        return found[0]
    what = f"holds {len(found)} app files" if found else "holds no app file"
    names = ": " + ", ".join(map(str, found)) if found else ""
    hint = "name the file" if found else "it is src/app/*-hsmeta.json in a project's folder"
    raise AppConfigurationError(str(folder), [f"{what}{names}; {hint}"])


def _app_files(folder: Path) -> Iterator[Path]:
    for place in (folder / _source(folder) / "app", folder / "src" / "app", folder / "app", folder):
        for path in place.glob("*-hsmeta.json"):
            if _document(path).get("type", "app") == "app":
                yield path
        if (place / "public-app.json").is_file():
            yield place / "public-app.json"


def _source(project: Path) -> str:
    """Return the source folder that hsproject.json names."""
    name = _document(project / "hsproject.json").get("srcDir")
    return name if isinstance(name, str) else "src"


def _document(path: Path) -> Mapping[str, object]:
    """Return the JSON object in the file at `path`; empty when there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _variables(file: Path, name: str) -> Mapping[str, object]:
    """Return the variables of hsprofile.<name>.json in the folder of `file` or above."""
    wanted = f"hsprofile.{name}.json"
    folders = (file.resolve().parent, *list(file.resolve().parents)[1 : _ABOVE + 1])
    for path in (folder / wanted for folder in folders):
        if path.is_file():
            text = as_text(read_bytes(path, AppConfigurationError), wanted, AppConfigurationError)
            try:
                document = read_json(text)
            except JsonFileError as error:
                raise AppConfigurationError(wanted, [str(error)]) from error
            found = document.get("variables") if isinstance(document, dict) else None
            if not isinstance(found, dict):
                raise AppConfigurationError(wanted, ["has no object `variables`"])
            return found
    raise AppConfigurationError(str(file), [f"there is no {wanted} in its folder or above"])


def _check_filled_in(file: AppFile, name: str) -> None:
    listed = (*file.configuration.listed, *file.configuration.redirect_urls)
    if left := sorted(filter(has_variable, listed)):
        raise AppConfigurationError(
            file.origin,
            [f"the profile {name} has no value for a variable in {each}" for each in left],
        )
