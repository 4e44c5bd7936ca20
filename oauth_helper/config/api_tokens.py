"""Named tokens of programs, each with the parts of the JSON API that it opens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from oauth_helper.config.toml_file import TABLE, SettingsError, read_tables, validate_settings
from oauth_helper.config.values import matching, parse_secret_hash, reads

#: What a token may open. Each operation of the API names one.
TOKEN_SCOPES = (
    "failures:read",
    "failures:write",
    "connections:token",
    "links:write",
    "checks",
    "audit:read",
    "erase",
)


def _scope(text: str) -> str:
    if text not in TOKEN_SCOPES:
        raise ValueError(f"must be one of {', '.join(TOKEN_SCOPES)}")
    return text


def _some(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if not scopes:
        raise ValueError("must have one scope or more")
    return scopes


class ApiToken(BaseModel):
    """One token: a `[[token]]` table. `hash` is what `hash-password` prints."""

    model_config = TABLE

    name: Annotated[str, matching("[a-z0-9][a-z0-9_-]{0,39}", "must be 1 to 40 of a-z 0-9 _ -")]
    hash: Annotated[SecretStr, reads(parse_secret_hash)]
    scopes: Annotated[
        tuple[Annotated[str, AfterValidator(_scope)], ...],
        Field(strict=False),
        AfterValidator(_some),
    ]


def load_tokens(path: Path) -> tuple[ApiToken, ...]:
    """Return the tokens in the TOML file at `path`. Raises `SettingsError`."""

    def read(number: str, table: object) -> ApiToken:
        return validate_settings(ApiToken, table, None, place=f"token {number}: ")

    tokens = read_tables(path, "token", "[[token]]", read)
    names = [token.name for token in tokens]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError([f"{path}: two tokens have the name {name!r}" for name in repeated])
    return tokens
