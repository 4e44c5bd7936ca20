"""Connect links as the API, the command and the support desk make and describe them."""

from __future__ import annotations

from collections.abc import Mapping

from oauth_helper.common.urls import origin_of
from oauth_helper.config.profiles import Profile
from oauth_helper.models import ConnectLink
from oauth_helper.scopes import UnknownScopesError
from oauth_helper.store.connect_links import LinkRecord, new_link_id
from oauth_helper.web.api.failure_schemas import ConnectLinkJson
from oauth_helper.web.api.schemas import ConnectLinkBody

# Seconds.
_LIFETIME = 7 * 86_400


def requested_link(
    body: ConnectLinkBody, profiles: Mapping[str, Profile], *, now: float
) -> ConnectLink:
    """Return the link that `body` asks for. Raises ValueError when it could not work."""
    profile = profiles.get(body.profile)
    if profile is None:
        raise ValueError(f"There is no profile {body.profile[:40]!a}.")
    if body.return_to and origin_of(body.return_to) not in profile.return_origins:
        raise ValueError(f"return_to has to be at an origin that profile {profile.name} registers.")
    optional = None if body.optional_scope is None else tuple(body.optional_scope)
    try:
        profile.requested_scopes(optional)
    except UnknownScopesError as error:
        raise ValueError(
            f"optional_scope has scopes that profile {profile.name} lacks: {error}."
        ) from error
    return ConnectLink(
        id=new_link_id(),
        profile=profile.name,
        created_at=int(now),
        expires_at=int(now) + (body.expires_in or _LIFETIME),
        customer=body.customer or "",
        customer_name=body.customer_name or "",
        optional_scopes=optional,
        return_to=body.return_to or "",
        hub_id=body.hub_id,
    )


def link_json(record: LinkRecord, public_url: str, *, now: float) -> ConnectLinkJson:
    """Return a link as the API does."""
    link = record.link
    return ConnectLinkJson.model_validate(
        {
            "id": link.id,
            "url": f"{public_url}/connect/{link.profile}?link={record.encrypted}",
            "expires_at": link.expires_at,
            "status": record.status(now),
            "profile": link.profile,
            "customer": link.customer,
            "customer_name": link.customer_name,
            "reference": record.reference,
            "connection": record.connection,
        }
    )
