"""Read the scopes and redirect URLs of a HubSpot app from the app's file.

Developer projects keep them in `src/app/app-hsmeta.json` below `config.auth`, older projects in
`src/app/public-app.json` below `auth`; each place is accepted in either file. What counts at
HubSpot is the deployed build, so the file may be ahead of it or behind. As of 2026-11:
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes

A text in it may contain `${NAME}`, which HubSpot fills in at upload from a configuration profile,
`hsprofile.<name>.json`:
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/build-with-config-profiles
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from oauth_helper.scopes.catalogue import Kind
from oauth_helper.scopes.files import FileError, as_text, read_bytes
from oauth_helper.scopes.json_file import JsonFileError, line_of, read_json, repeated_keys
from oauth_helper.scopes.names import OAUTH, is_scope_token, nearest
from oauth_helper.scopes.other_files import what_it_is

#: The key of each list of scopes, and that of the redirect URLs.
SCOPE_KEYS = {
    Kind.REQUIRED: "requiredScopes",
    Kind.CONDITIONAL: "conditionallyRequiredScopes",
    Kind.OPTIONAL: "optionalScopes",
}
REDIRECT_KEY = "redirectUrls"
_LISTS = (*SCOPE_KEYS.values(), REDIRECT_KEY)

# Names for a key that no comparison of spelling finds, in lower case without _ and -.
_SLIPS = {
    "scope": "requiredScopes",
    "scopes": "requiredScopes",
    "conditionalscopes": "conditionallyRequiredScopes",
}

_KINDS_OF_VALUES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    dict: "an object",
    list: "a list",
    type(None): "null",
}

# How many problems are named, how many characters of a wrong value are shown, and how many unknown
# keys are compared with the known ones: a file may have a megabyte of them.
_NAMED, _SHOWN, _COMPARED = 50, 100, 20


@dataclass(frozen=True, slots=True)
class AppConfiguration:
    """What the HubSpot app lists: each scope in one of three kinds, and its redirect URLs.

    `oauth` is always in `required`, because HubSpot adds it to every app. `lists_redirect_urls` is
    false when the app's redirect URLs aren't known. With `is_user_level` each user of an account
    installs the app for themselves (2026-11):
    https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/user-level-apps
    """

    required: tuple[str, ...] = ()
    conditional: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    redirect_urls: tuple[str, ...] = ()
    auth_type: str = "oauth"
    lists_redirect_urls: bool = field(default=False, compare=False)
    is_user_level: bool = False

    def __post_init__(self) -> None:
        if OAUTH not in self.required:
            object.__setattr__(self, "required", (OAUTH, *self.required))

    @property
    def listed(self) -> frozenset[str]:
        """Return every scope of the app, of any kind."""
        return frozenset((*self.required, *self.conditional, *self.optional))

    def kind_of(self, name: str) -> Kind | None:
        """Return how the app lists `name`: the strictest kind if twice, None if not at all."""
        for names, kind in (
            (self.required, Kind.REQUIRED),
            (self.conditional, Kind.CONDITIONAL),
            (self.optional, Kind.OPTIONAL),
        ):
            if name in names:
                return kind
        return None

    def registers(self, redirect_url: str) -> bool:
        """Return whether the app lists `redirect_url`; its variables match any text."""
        return any(
            re.fullmatch(_pattern(listed), redirect_url) if has_variable(listed) else False
            for listed in self.redirect_urls
        ) or (redirect_url in self.redirect_urls)


_VARIABLE = re.compile(r"\$\{([^}]{1,100})\}")


def has_variable(text: str) -> bool:
    """Return whether `text` contains a `${NAME}` that HubSpot fills in at upload."""
    return _VARIABLE.search(text) is not None


def filled_in(value: Any, variables: Mapping[str, object]) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON `value` with the values of a configuration profile for its variables."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda name: str(variables.get(name[1], name[0])), value)
    if isinstance(value, list):
        return [filled_in(each, variables) for each in value]
    if isinstance(value, dict):
        return {key: filled_in(each, variables) for key, each in value.items()}
    return value


def _pattern(listed: str) -> str:
    """Return a regular expression for `listed`, in which a variable matches any text."""
    texts = _VARIABLE.split(listed)[::2]
    return "[^\\s]+".join(map(re.escape, texts))


class AppConfigurationError(FileError):
    """A file isn't an app configuration. `problems` names each problem with its place."""


def load_app_configuration(path: Path) -> AppConfiguration:
    """Return the configuration in the file at `path`. Raises `AppConfigurationError`."""
    return parse_app_configuration(read_bytes(path, AppConfigurationError), origin=str(path))


def parse_app_configuration(raw: str | bytes, *, origin: str) -> AppConfiguration:
    """Return the configuration in the JSON text `raw`; `origin` is the name that errors give it.

    Each problem begins with its line.
    """
    return read_app_text(raw, origin=origin)[2]


def read_app_text(
    raw: str | bytes, *, origin: str, variables: Mapping[str, object] | None = None
) -> tuple[str, dict[str, Any], AppConfiguration]:
    """Return the text in `raw`, the document as it is written, and the configuration in it.

    `variables` are those of a configuration profile. Raises `AppConfigurationError`.
    """
    text = as_text(raw, origin, AppConfigurationError)
    try:
        document = read_json(text)
    except JsonFileError as error:
        raise AppConfigurationError(origin, [str(error)]) from error
    filled = filled_in(document, variables) if variables else document
    return text, document, _Reader(origin, text).configuration(filled)


def read_app_configuration(document: object, *, origin: str) -> AppConfiguration:
    """Return the configuration in a parsed document. Raises `AppConfigurationError`."""
    return _Reader(origin).configuration(document)


def auth_in(document: Mapping[str, Any]) -> tuple[tuple[str, ...], Any]:
    """Return path and value of `config.auth`, otherwise of `auth`; None without both."""
    config = document.get("config")
    if isinstance(config, dict) and config.get("auth") is not None:
        return ("config", "auth"), config["auth"]
    return ("auth",), document.get("auth")


def _is_user_level(document: object) -> bool:
    config = document.get("config") if isinstance(document, dict) else None
    return isinstance(config, dict) and config.get("isUserLevel") is True


class _Reader:
    """Reads a document and collects problems, with their lines when the text is known."""

    def __init__(self, origin: str, text: str = "") -> None:
        self._origin = origin
        self._text = text
        self._problems: list[str] = []
        self._more = 0

    def configuration(self, document: object) -> AppConfiguration:
        """Return the configuration in `document`. Raises `AppConfigurationError`."""
        path, auth = self._auth(document)
        scopes = {kind: self._names(auth, (*path, key)) for kind, key in SCOPE_KEYS.items()}
        redirect_urls = self._names(auth, (*path, REDIRECT_KEY))
        auth_type = self._type(auth, (*path, "type"))
        self._slips(auth, path)
        if self._problems:
            raise self._error()
        return AppConfiguration(
            required=scopes[Kind.REQUIRED],
            conditional=scopes[Kind.CONDITIONAL],
            optional=scopes[Kind.OPTIONAL],
            redirect_urls=redirect_urls,
            lists_redirect_urls=REDIRECT_KEY in auth,
            auth_type=auth_type,
            is_user_level=_is_user_level(document),
        )

    def _auth(self, document: object) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        if not isinstance(document, dict):
            self._say((), f"has to be a JSON object at its top, not {_kind_of(document)}")
            raise self._error()
        self._repeated(document, ())
        config = document.get("config")
        path, auth = auth_in(document)
        if isinstance(config, dict):
            self._repeated(config, ("config",))
        elif config is not None and auth is None:
            self._say(("config",), f"config has to be a JSON object, not {_kind_of(config)}")
        if auth is None:
            self._note(what_it_is(document) or 'has neither "config.auth" nor "auth"')
            raise self._error()
        if not isinstance(auth, dict):
            self._say(path, f"{_dotted(path)} has to be a JSON object, not {_kind_of(auth)}")
            raise self._error()
        self._repeated(auth, path)
        return path, auth

    def _names(self, auth: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, ...]:
        value = auth.get(path[-1], [])
        if not isinstance(value, list):
            self._say(path, f"{_dotted(path)} has to be a list of texts, not {_kind_of(value)}")
            return ()
        any_text = path[-1] == REDIRECT_KEY
        wrong = [
            index
            for index, item in enumerate(value)
            if not isinstance(item, str) or not (any_text or is_scope_token(item))
        ]
        for index in wrong[:_NAMED]:
            words = f"{_dotted(path)}[{index}]{_wrong_name(value[index])}"
            self._say(path, words, value[index])
        self._more += len(wrong[_NAMED:])
        return tuple(dict.fromkeys(item for item in value if isinstance(item, str)))

    def _type(self, auth: Mapping[str, Any], path: tuple[str, ...]) -> str:
        value = auth.get("type", "oauth")
        if not isinstance(value, str):
            self._say(path, f"{_dotted(path)} has to be text, not {_kind_of(value)}")
            return ""
        if value not in ("oauth", "static"):
            self._say(path, f'{_dotted(path)} is {_shown(value)}, not "oauth" or "static"')
        return value

    def _slips(self, auth: Mapping[str, Any], path: tuple[str, ...]) -> None:
        """Name the keys that are misspelt missing ones; other unknown keys are HubSpot's."""
        unknown = (key for key in auth if key not in _LISTS)
        for key in islice(unknown, _COMPARED):
            plain = key.casefold().replace("_", "").replace("-", "")
            meant = _SLIPS.get(plain) or nearest(plain, _LISTS)
            if meant and meant not in auth:
                words = f'unknown key "{_plain(key)}" in {_dotted(path)}; did you mean {meant}?'
                self._say((*path, key), words)

    def _repeated(self, value: object, path: tuple[str, ...]) -> None:
        """Name each key that is there twice: HubSpot silently takes the last."""
        for key in repeated_keys(value)[:_NAMED]:
            name = _dotted((*path, _plain(key[:_SHOWN])))
            self._note(f"{name} is there more than once")

    def _say(self, path: tuple[str, ...], words: str, value: object = None) -> None:
        # Finding a line takes longer in longer texts, so only the lines of problems are looked up.
        line = None if self._full or not path else line_of(self._text, path, value)
        self._note(f"line {line}: {words}" if self._text and line else words)

    @property
    def _full(self) -> bool:
        return len(self._problems) >= _NAMED

    def _note(self, words: str) -> None:
        if self._full:
            self._more += 1
        else:
            self._problems.append(words)

    def _error(self) -> AppConfigurationError:
        more = [f"and {self._more:,} more"] if self._more else []
        return AppConfigurationError(self._origin, [*self._problems, *more])


def _wrong_name(item: object) -> str:
    if isinstance(item, str):
        return f": {_shown(item)} is not a legal scope name"
    return f" has to be text, not {_kind_of(item)}"


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


def _plain(key: str) -> str:
    """Return `key` with escapes for what can't be shown or written as UTF-8."""
    return key if key.isprintable() else repr(key)[1:-1]


def _kind_of(value: object) -> str:
    return _KINDS_OF_VALUES.get(type(value), "something else")
