"""Profiles: one for each HubSpot app that customers connect to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo, model_validator

from oauth_helper.common.urls import origin_of
from oauth_helper.config.toml_file import (
    TABLE,
    SettingsError,
    did_you_mean,
    read_tables,
    validate_settings,
)
from oauth_helper.config.values import (
    EMAIL,
    Read,
    load_file,
    matching,
    parse_web_address,
    read_image,
    reads,
)
from oauth_helper.hubspot.app_credentials import AppCredentials
from oauth_helper.hubspot.hublets import HUBLETS
from oauth_helper.scopes import (
    AppConfiguration,
    Catalogue,
    Kind,
    Preflight,
    RequestedScopes,
    load_app_configuration,
    load_catalogue,
    split,
)

#: What a client id may be, and the problem with any other.
CLIENT_ID = (r"[\x21-\x7e]+", "must be ASCII characters without blanks")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

MissingOptional = Literal["note", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One HubSpot app as customers connect to it.

    `optional_scopes` are requested unless the customer chooses (None: the catalogue's default).
    `missing_optional` says whether the customer only sees which optional scopes weren't granted, or
    the attempt fails. `return_origins` are the web origins that a `return_to` address may have.
    With `start_page`, a connection begins on our own page, so that Back leads to it. `marketplace`
    accepts installs that begin in HubSpot's Marketplace. The last four name the company on the
    customer's pages, and where its support can be reached.
    """

    name: str
    title: str
    client_id: str
    client_secret: SecretStr
    redirect_uri: str
    catalogue: Catalogue
    app: AppConfiguration | None = None
    optional_scopes: tuple[str, ...] | None = None
    conditional_scopes: tuple[str, ...] = ()
    missing_optional: MissingOptional = "note"
    pkce: bool = True
    region: str | None = None
    hub_id: int | None = None
    return_origins: frozenset[str] = field(default_factory=frozenset)
    start_page: bool = False
    marketplace: bool = False
    brand_name: str = ""
    brand_logo: Path | None = None
    support_url: str = ""
    support_email: str = ""
    #: The request of nearly all attempts, computed once.
    usual_request: RequestedScopes = field(init=False, repr=False, compare=False)
    #: The app's credentials for HubSpot's token endpoint.
    credentials: AppCredentials = field(init=False, repr=False, compare=False)

    #: The scopes that the catalogue says every connection needs.
    required: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        usual_request = self._split(self.optional_scopes)
        credentials = AppCredentials(
            client_id=self.client_id,
            client_secret=self.client_secret,
            redirect_uri=self.redirect_uri,
        )
        object.__setattr__(self, "usual_request", usual_request)
        object.__setattr__(self, "credentials", credentials)
        object.__setattr__(self, "required", frozenset(self.catalogue.of_kind(Kind.REQUIRED)))

    def requested_scopes(self, optional: Collection[str] | None = None) -> RequestedScopes:
        """Return the scopes to request; `optional` narrows them. Raises `UnknownScopesError`."""
        return self.usual_request if optional is None else self._split(optional)

    def _split(self, optional: Collection[str] | None) -> RequestedScopes:
        return split(
            self.catalogue, self.app, optional=optional, conditional=self.conditional_scopes
        )

    def preflight(
        self, requested: RequestedScopes | None = None, app: AppConfiguration | None = None
    ) -> Preflight | None:
        """Predict HubSpot's answer to a request for `requested` (None: the default scopes).

        Compares it with `app`, or with the profile's app; returns None when neither is known.
        """
        app = app or self.app
        if app is None:
            return None
        return Preflight(
            requested or self.requested_scopes(), app, self.catalogue, self.redirect_uri
        )

    def fingerprint(self, requested: RequestedScopes) -> str:
        """Return a hash that is equal for requests that HubSpot can't tell apart."""
        parts = (
            self.client_id,
            self.redirect_uri,
            " ".join(sorted(requested.scope)),
            " ".join(sorted(requested.optional_scope)),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The values of keys that a profile's table lacks. `redirect_uri` makes one from a name."""

    client_id: str
    client_secret: SecretStr
    catalogue: Catalogue
    app: AppConfiguration | None
    redirect_uri: Callable[[str], str]
    brand: Mapping[str, object] = field(default_factory=dict)

    def profile(self, name: str, **own: object) -> Profile:
        """Return the profile `name`; `own` has the values that differ from the defaults."""
        values: dict[str, Any] = {
            "title": name,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "catalogue": self.catalogue,
            # The app's configuration in the settings belongs to the client id in the settings.
            "app": None if "client_id" in own else self.app,
            **self.brand,
        }
        return Profile(name=name, redirect_uri=self.redirect_uri(name), **(values | own))


def load_profiles(
    path: Path, defaults: Defaults, environ: Mapping[str, str]
) -> tuple[Profile, ...]:
    """Return the profiles in the TOML file at `path`, in its order. Raises `SettingsError`."""
    context = {"folder": path.parent, "catalogue": defaults.catalogue, "environ": environ}

    def read(name: str, values: object) -> Profile:
        place = f"profile {name!r}: "
        if not _NAME.fullmatch(name):
            raise SettingsError(
                [f"{place}the name may have a-z, 0-9, - and _ only, 32 characters at most"]
            )
        table = validate_settings(_Table, values, context, place=place)
        own = {key: getattr(table, key) for key in table.model_fields_set}
        for key in ("client_secret_env", "client_secret_file"):
            if key in own:
                own["client_secret"] = own.pop(key)
        return defaults.profile(name, **own)

    return read_tables(path, "profiles", "[profiles.<name>]", read)


def _secret_from_environment(name: str, info: ValidationInfo[dict[str, Any]]) -> SecretStr:
    secret = SecretStr(info.context["environ"].get(name, "").strip())
    if not secret:
        raise ValueError(f"names {name}, which is not set")
    return secret


def _secret_from_file(text: str, info: ValidationInfo[dict[str, Any]]) -> SecretStr:
    path = info.context["folder"] / text
    try:
        secret = SecretStr(path.read_text("utf-8").strip())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: not a valid path, or not UTF-8 text") from error
    if not secret:
        raise ValueError(f"{path} is empty")
    return secret


def _known_scope(name: str, info: ValidationInfo[dict[str, Any]]) -> str:
    if "catalogue" not in info.data:
        return name  # the catalogue can't be read, which is reported
    catalogue = info.data["catalogue"] or info.context["catalogue"]
    if name not in catalogue:
        raise ValueError(
            f"({name!r}) is not in the catalogue{did_you_mean(catalogue.meant_by(name))}"
        )
    return name


def _origin(text: str) -> str:
    if origin_of(text) != text or "*" in text:
        raise ValueError("must be an origin such as https://app.example.com")
    return text


def _loaded(load: Callable[[Path], object]) -> Read:
    return Read(lambda text, info: load_file(load, info.context["folder"] / text))


# TOML has lists only.
_Scopes = Annotated[tuple[Annotated[str, AfterValidator(_known_scope)], ...], Field(strict=False)]
_Origins = Annotated[frozenset[Annotated[str, AfterValidator(_origin)]], Field(strict=False)]


class _Table(BaseModel):
    """A `[profiles.<name>]` table. A default here only says that the key is optional."""

    model_config = TABLE

    title: str = ""
    client_id: Annotated[str, matching(*CLIENT_ID)] = ""
    client_secret_env: Annotated[SecretStr, Read(_secret_from_environment)] = SecretStr("")
    client_secret_file: Annotated[SecretStr, Read(_secret_from_file)] = SecretStr("")
    catalogue: Annotated[Catalogue | None, _loaded(load_catalogue)] = None
    app: Annotated[AppConfiguration | None, _loaded(load_app_configuration)] = Field(
        default=None, alias="app_config"
    )
    optional_scopes: _Scopes = ()
    conditional_scopes: _Scopes = ()
    missing_optional: MissingOptional = "note"
    pkce: bool = True
    region: Annotated[
        str, matching("[a-z]{2}[0-9]", f"must be a hublet of HubSpot, such as {', '.join(HUBLETS)}")
    ] = ""
    hub_id: Annotated[int, Field(ge=1)] = 1
    return_origins: _Origins = frozenset()
    start_page: bool = False
    marketplace: bool = False
    brand_name: str = ""
    brand_logo: Annotated[
        Path | None, Read(lambda text, info: read_image(info.context["folder"] / text))
    ] = None
    support_url: Annotated[str, reads(parse_web_address)] = ""
    support_email: Annotated[str, matching(*EMAIL)] = ""

    @model_validator(mode="after")
    def _check_secret(self) -> Self:
        given = self.model_fields_set & {"client_secret_env", "client_secret_file"}
        if len(given) > 1:
            raise ValueError("client_secret_env and client_secret_file: set one of them")
        if not given and self.client_id:
            raise ValueError("client_id needs client_secret_env or client_secret_file beside it")
        return self
