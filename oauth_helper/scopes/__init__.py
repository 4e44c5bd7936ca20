"""Scopes: the catalogue, app files, the split into two parameters, HubSpot's placement rules.

Pure: it knows no settings, no store and no network.
"""

from oauth_helper.scopes.app_configuration import (
    AppConfiguration,
    AppConfigurationError,
    load_app_configuration,
    parse_app_configuration,
    read_app_configuration,
)
from oauth_helper.scopes.catalogue import Availability, Catalogue, Kind, Scope, Sensitivity, Tier
from oauth_helper.scopes.catalogue_file import (
    CatalogueError,
    load_catalogue,
    parse_catalogue,
    shipped_catalogue,
)
from oauth_helper.scopes.granted import missing_scopes
from oauth_helper.scopes.hubspot_scopes import OUT_OF_USE, hubspot_scopes
from oauth_helper.scopes.names import (
    OAUTH,
    is_joined,
    is_one_scope,
    is_scope_token,
    join_scope,
    nearest,
    parse_scope,
)
from oauth_helper.scopes.placement import Problem, Severity, check_placement
from oauth_helper.scopes.preflight import Preflight, meant_by
from oauth_helper.scopes.split import RequestedScopes, UnknownScopesError, split

__all__ = [
    "OAUTH",
    "OUT_OF_USE",
    "AppConfiguration",
    "AppConfigurationError",
    "Availability",
    "Catalogue",
    "CatalogueError",
    "Kind",
    "Preflight",
    "Problem",
    "RequestedScopes",
    "Scope",
    "Sensitivity",
    "Severity",
    "Tier",
    "UnknownScopesError",
    "check_placement",
    "hubspot_scopes",
    "is_joined",
    "is_one_scope",
    "is_scope_token",
    "join_scope",
    "load_app_configuration",
    "load_catalogue",
    "meant_by",
    "missing_scopes",
    "nearest",
    "parse_app_configuration",
    "parse_catalogue",
    "parse_scope",
    "read_app_configuration",
    "shipped_catalogue",
    "split",
]
