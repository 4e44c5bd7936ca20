"""Connect links as the API, the command and the support desk make and describe them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from oauth_helper.common.times import iso
from oauth_helper.common.urls import origin_of
from oauth_helper.config.profiles import Profile
from oauth_helper.failures.export import escape_formulas
from oauth_helper.models import Connection, ConnectLink
from oauth_helper.scopes import UnknownScopesError
from oauth_helper.store.connect_links import ConnectLinks, LinkRecord, new_link_id
from oauth_helper.store.granted_scopes import lacked_scopes
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


def reconnect_link(
    connection: Connection,
    profiles: Mapping[str, Profile],
    *,
    now: float,
    expires_in: int | None = None,
) -> ConnectLink:
    """Return a link that renews a connection, with what its profile requests today.

    Raises ValueError when it could not work.
    """
    if connection.client:
        raise ValueError(f"{connection.id} belongs to a client of the proxy, which has to ask.")
    body = ConnectLinkBody(
        profile=connection.profile,
        customer=connection.customer or None,
        customer_name=connection.customer_name or None,
        hub_id=connection.hub_id,
        optional_scope=None,
        expires_in=expires_in,
        return_to=None,
    )
    return replace(requested_link(body, profiles, now=now), connection=connection.id)


#: The first line of `reconnect_rows`.
RECONNECT_COLUMNS = ("connection", "hub_id", "customer", "customer_name", "lacks", "url", "expires")


def reconnect_rows(
    connections: Iterable[Connection],
    profiles: Mapping[str, Profile],
    links: ConnectLinks,
    *,
    public_url: str,
    now: float,
    expires_in: int | None = None,
) -> list[list[str]]:
    """Make a link for each connection, and return the rows of a CSV file.

    Leaves out those that no link can renew.
    """
    renewable = [each for each in connections if each.profile in profiles and not each.client]
    new = [reconnect_link(each, profiles, now=now, expires_in=expires_in) for each in renewable]
    records = links.create(*new) if new else []
    return [
        [
            each.id,
            str(each.hub_id or ""),
            escape_formulas(each.customer),
            escape_formulas(each.customer_name),
            " ".join(lacked_scopes(profiles[each.profile], each)),
            link_url(record, public_url),
            iso(record.link.expires_at),
        ]
        for each, record in zip(renewable, records, strict=True)
    ]


def link_url(record: LinkRecord, public_url: str) -> str:
    """Return the address of a link."""
    return f"{public_url}/connect/{record.link.profile}?link={record.encrypted}"


def link_json(record: LinkRecord, public_url: str, *, now: float) -> ConnectLinkJson:
    """Return a link as the API does."""
    link = record.link
    return ConnectLinkJson.model_validate(
        {
            "id": link.id,
            "url": link_url(record, public_url),
            "expires_at": link.expires_at,
            "status": record.status(now),
            "profile": link.profile,
            "customer": link.customer,
            "customer_name": link.customer_name,
            "reference": record.reference,
            "connection": record.connection,
        }
    )
