"""Wire the application: `create_app` creates every part and passes it to those that need it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import Flask

from oauth_helper.common.encryption import Encryptor, derive_key, key_id
from oauth_helper.common.logging import keep_libraries_quiet
from oauth_helper.config.sandbox_app import sandbox_for
from oauth_helper.config.settings import Settings
from oauth_helper.hubspot.client import HubSpotClient
from oauth_helper.notifications.delivery import EventDelivery, ReadRecord, Send
from oauth_helper.notifications.group_watch import GroupWatch
from oauth_helper.notifications.notices import NOTICE_TYPES, NoticeSender, types_by_url
from oauth_helper.oauth.client.account_domain import AccountDomains
from oauth_helper.oauth.client.callback import Callback
from oauth_helper.oauth.client.connection_check import ConnectionCheck
from oauth_helper.oauth.client.expiry import AttemptExpiry
from oauth_helper.oauth.client.refresh import RefreshFailures, TokenRefresher
from oauth_helper.oauth.client.report import Reports
from oauth_helper.oauth.client.start import Authorizer
from oauth_helper.oauth.server import ProxyServer, RefreshTokens, ServerDependencies
from oauth_helper.oauth.server.code_redemption import CodeRedemption
from oauth_helper.sandbox import create_blueprint
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.audit_log import AuditLog
from oauth_helper.store.authorization_codes import AuthorizationCodes
from oauth_helper.store.bulk_actions import BulkActions
from oauth_helper.store.connect_links import ConnectLinks
from oauth_helper.store.connection_checks import ConnectionChecks
from oauth_helper.store.connections import Connections
from oauth_helper.store.counters import Counters
from oauth_helper.store.erasure import Erasure
from oauth_helper.store.failures import Failures
from oauth_helper.store.group_states import GroupStates
from oauth_helper.store.outbox.outage_log import OutageLog
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.outbox.writer import EventWriter
from oauth_helper.store.rate_limits import RateLimits
from oauth_helper.store.redis import Client, RedisServer, connect
from oauth_helper.store.redis_clients import StoreClock
from oauth_helper.store.refresh_locks import RefreshLocks
from oauth_helper.store.sandbox_state import RedisSandboxState
from oauth_helper.store.shared_texts import request_name
from oauth_helper.store.staff_sessions import StaffSessions
from oauth_helper.store.token_uses import TokenUses
from oauth_helper.store.webhook_events import WebhookEvents
from oauth_helper.store.webhook_queue import WebhookQueues
from oauth_helper.web import audit, health, routes, security
from oauth_helper.web.api import services as api
from oauth_helper.web.api.auth import ApiTokens
from oauth_helper.web.api.failure_schemas import read_record
from oauth_helper.web.customer import services as customer
from oauth_helper.web.customer.cookies import AttemptCookies
from oauth_helper.web.support import services as support
from oauth_helper.web.support.staff_session import SESSION_LIFETIME

#: Where an application keeps its background work among its extensions.
BACKGROUND = "oauth_helper.background"


@dataclass(frozen=True, slots=True)
class Background:
    """What each worker does again and again, beside serving requests."""

    expiry: AttemptExpiry
    writer: EventWriter
    store_clock: StoreClock
    events: EventDelivery
    group_watch: GroupWatch | None
    connection_check: ConnectionCheck
    connections: Connections


def create_app(config: Settings, *, clock: Callable[[], float] | None = None) -> Flask:
    """Return the WSGI application for `config`, which must have `redis_url` and `secret_keys`.

    `clock` returns Unix seconds; None uses the store's clock.
    """
    keep_libraries_quiet()
    profiles = {profile.name: profile for profile in config.profiles}

    def encryptor(purpose: str) -> Encryptor:
        return Encryptor(config.secret_keys, purpose=purpose)

    # HubSpot and Redis.
    hubspot = HubSpotClient(config.api_url, config.api_version, threads=config.threads)
    redis = connect(config.redis_url.get_secret_value())
    store_server = RedisServer(redis)
    clock = clock or store_server.clock.started()
    tokens, codes, queued = encryptor("tokens"), encryptor("codes"), encryptor("outbox")
    events = _events(config, redis, clock)
    attempts = Attempts(redis, retention_days=config.failure_retention_days)
    failures = Failures(redis, retention_days=config.failure_retention_days, events=events)
    connections = Connections(redis, encryptor=tokens, events=events)
    connect_links = ConnectLinks(redis, encryptor=encryptor("links"))
    refresh_locks, token_uses = RefreshLocks(redis), TokenUses(redis)
    counters = Counters(redis)
    delivery = _delivery(
        config,
        redis,
        partial(read_record, failures=failures, connections=connections, counters=counters),
        clock,
    )
    outbox = Outbox(config.data_dir / "outbox", encryptor=queued)
    writer = EventWriter(
        attempts=attempts,
        failures=failures,
        connections=connections,
        outbox=outbox,
        outage_log=OutageLog(config.data_dir / "outbox", outbox.depth),
        store_identity=store_server.identity,
        clock=clock,
    )

    # The client role, towards HubSpot.
    authorizer = Authorizer(
        endpoint=config.authorization_endpoint,
        writer=writer,
        clock=clock,
        attempt_timeout=config.attempt_timeout,
        sender=security.sender,
    )
    callback = Callback(
        attempts=attempts, connections=connections, writer=writer, hubspot=hubspot, clock=clock
    )
    reports = Reports(failures=failures, writer=writer, clock=clock)
    domains = AccountDomains(connections=connections, hubspot=hubspot, profiles=profiles)
    refresh_failures = RefreshFailures(writer=writer, locks=refresh_locks, clock=clock)
    token_refresher = TokenRefresher(
        connections=connections,
        profiles=profiles,
        hubspot=hubspot,
        locks=refresh_locks,
        failures=refresh_failures,
        clock=clock,
    )

    # The authorization server role, towards proxy clients.
    server = ProxyServer(
        ServerDependencies(
            issuer=config.public_url,
            clients=config.oauth_clients,
            profiles=profiles,
            codes=AuthorizationCodes(redis, encryptor=codes),
            refresh_tokens=RefreshTokens(encryptor("refresh tokens")),
            connections=connections,
            hubspot=hubspot,
            code_redemption=CodeRedemption(
                writer=writer, locks=refresh_locks, profiles=profiles, clock=clock
            ),
            refresh_failures=refresh_failures,
            clock=clock,
            key=secrets.token_bytes(32),
        )
    )

    oidc_provider = None
    if config.openid:
        # Imported only here: it needs `requests`, which costs a worker 4 MB.
        from oauth_helper.web.support.oidc_client import OidcProvider  # noqa: PLC0415

        oidc_provider = OidcProvider(config.openid, f"{config.public_url}/support/oidc/callback")

    # The pages and the API.
    app = Flask("oauth_helper.web")
    # Werkzeug builds its own redirects from the Host header, which the sender controls.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    newest, *older = (derive_key(key, "session").decode() for key in config.secret_keys)
    app.config.update(SECRET_KEY=newest, SECRET_KEY_FALLBACKS=older)
    app.config["CLOCK"] = clock
    app.extensions[customer.KEY] = customer.CustomerServices(
        config=config,
        profiles=profiles,
        authorizer=authorizer,
        callback=callback,
        reports=reports,
        cookies=AttemptCookies(
            Encryptor(
                config.secret_keys,
                purpose="attempts",
                known={
                    request_name(each.usual_request): each.usual_request for each in config.profiles
                },
            ),
            secure=config.is_secure,
        ),
        attempts=attempts,
        connections=connections,
        domains=domains,
        failures=failures,
        connect_links=connect_links,
        server=server if config.oauth_clients else None,
        clock=clock,
    )
    app.extensions[support.KEY] = support.SupportServices(
        config=config,
        profiles=profiles,
        attempts=attempts,
        failures=failures,
        counters=counters,
        bulk_actions=BulkActions(redis),
        connections=connections,
        connect_links=connect_links,
        reports=reports,
        hubspot=hubspot,
        webhook_queues=delivery.queues,
        token_uses=token_uses,
        staff_sessions=StaffSessions(redis, lifetime=SESSION_LIFETIME),
        oidc_provider=oidc_provider,
        sign_in_encryptor=encryptor("sign-ins"),
        # Each export holds a thread for as long as its reader takes.
        export_slots=threading.BoundedSemaphore(max(1, config.threads // 4)),
        clock=clock,
    )
    app.extensions[api.KEY] = api.ApiServices(
        erasure=Erasure(
            attempts=attempts,
            failures=failures,
            connections=connections,
            links=connect_links,
            locks=refresh_locks,
            outbox=outbox,
            webhooks=delivery.queues,
            clock=clock,
        ),
        config=config,
        api_tokens=ApiTokens(config.api_tokens, token_uses, clock),
        profiles=profiles,
        failures=failures,
        counters=counters,
        connections=connections,
        connect_links=connect_links,
        token_refresher=token_refresher,
        hubspot=hubspot,
        clock=clock,
    )
    app.extensions[audit.KEY] = AuditLog(
        redis, retention_days=config.audit_retention_days, clock=clock
    )
    app.extensions[health.KEY] = health.HealthProbes(
        ping=store_server.ping,
        queued_events=outbox.depth,
        store_memory=store_server.memory,
        waiting=delivery.queues.waiting,
        metrics_token=config.metrics_token,
        key_ids=[key_id(each) for each in config.secret_keys],
    )
    app.extensions[BACKGROUND] = Background(
        expiry=AttemptExpiry(
            attempts=attempts, failures=failures, writer=writer, profiles=profiles, clock=clock
        ),
        writer=writer,
        store_clock=store_server.clock,
        events=delivery,
        connections=connections,
        connection_check=ConnectionCheck(
            connections=connections,
            token_refresher=token_refresher,
            domains=domains,
            checks=ConnectionChecks(redis),
            clock=clock,
        ),
        group_watch=_group_watch(config, redis, delivery.queues, counters, events),
    )
    if config.otlp_endpoint:
        from oauth_helper.web.tracing import Tracing  # noqa: PLC0415 - its packages are optional

        app.extensions["oauth_helper_tracing"] = Tracing(config.otlp_endpoint, app)
    routes.install(app, config, RateLimits(redis))
    if config.sandbox:
        sandbox = create_blueprint(sandbox_for(config, RedisSandboxState(redis), clock=clock))
        security.limit_blueprint(sandbox, 600)
        # Programs call its token endpoint, and its forms have their own protection.
        security.csrf.exempt(sandbox)
        app.register_blueprint(sandbox, url_prefix="/sandbox")
    return app


def _events(config: Settings, redis: Client, clock: Callable[[], float]) -> WebhookEvents | None:
    """Return the stream that events are published to; None if there is no address for them."""
    if not config.webhook_urls and not config.notify_urls:
        return None
    types = {*(config.webhook_events if config.webhook_urls else ()), *NOTICE_TYPES}
    return WebhookEvents(redis, types, by_group=config.watches_groups, clock=clock)


def _delivery(
    config: Settings, redis: Client, read: ReadRecord, clock: Callable[[], float]
) -> EventDelivery:
    """Return what sends the events to each address of webhooks and notices."""
    senders: dict[str, Send] = {}
    if config.webhook_urls:
        # Imported only here, as others don't need it.
        from oauth_helper.notifications.webhooks import WebhookSender  # noqa: PLC0415

        webhooks = WebhookSender(config.webhook_secrets, allow_private=config.webhook_allow_private)
        for url in config.webhook_urls:
            senders[url.get_secret_value()] = partial(webhooks.send_event, url.get_secret_value())
    scopes = {name for each in config.profiles for name in each.catalogue.by_name}
    for url in config.notify_urls:
        senders[url.get_secret_value()] = NoticeSender(url, config.public_url, scopes).send
    return EventDelivery(
        queues=WebhookQueues(redis, types_by_url(config)),
        senders=senders,
        read_record=read,
        clock=clock,
    )


def _group_watch(
    config: Settings,
    redis: Client,
    queues: WebhookQueues,
    counters: Counters,
    events: WebhookEvents | None,
) -> GroupWatch | None:
    """Return what publishes the events of groups; None if nobody wants them."""
    if not events or not config.watches_groups:
        return None
    return GroupWatch(
        queues=queues,
        states=GroupStates(redis, events),
        counters=counters,
        threshold=config.notify_threshold,
        clock=events.clock,
    )
