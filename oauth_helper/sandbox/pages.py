"""The browser routes of a connection: choose an account, connect, or meet an error page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from flask import Blueprint, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response

from oauth_helper.sandbox.accounts import (
    ACCOUNTS,
    Account,
    SandboxRole,
    find_account,
    person_of,
    subscription_for,
)
from oauth_helper.sandbox.answers import granted, is_token_answer, token_answers
from oauth_helper.sandbox.app_pages import listing_url
from oauth_helper.sandbox.apps import Sandbox, SandboxApp
from oauth_helper.sandbox.grants import Grant, SandboxCode, issue_code
from oauth_helper.sandbox.other_sites import refuse_other_sites
from oauth_helper.sandbox.rules import (
    ERROR_TITLE,
    UNKNOWN_CLIENT,
    SandboxErrorPage,
    SandboxGranted,
    SandboxRequest,
    decide,
    refuse_request,
)
from oauth_helper.scopes import Catalogue

# What common servers accept; a URL with every scope of the catalogue has about 2,000.
_MAX_QUERY = 16_000


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a user chose on the consent page."""

    account: Account
    role: SandboxRole
    token_answer: str


class Pages:
    """The views of one sandbox that a browser opens. `register` adds them to a blueprint."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        blueprint.add_url_rule("/", view_func=self.index)
        blueprint.add_url_rule("/left", view_func=self.left)
        for path in ("/oauth/authorize", "/oauth/<hub_id>/authorize"):
            blueprint.add_url_rule(path, view_func=self.authorize)
            blueprint.add_url_rule(path, view_func=self.answer, methods=["POST"])

    def index(self) -> str:
        """Show what the sandbox is, and its apps."""
        apps = [(app, self._sandbox.is_edited(app.client_id)) for app in self._sandbox.apps]
        home = self._sandbox.home
        return render_template("sandbox/index.html", apps=apps, accounts=ACCOUNTS, home=home)

    def left(self) -> str:
        """Show what a customer leaves behind who closes HubSpot's page: nothing for the client."""
        return render_template("sandbox/left.html")

    def authorize(self, hub_id: str | None = None) -> str:
        """Show the consent page, or the error page that the URL leads to."""
        opened, accounts = self._opened(), _accounts(hub_id)
        if isinstance(opened, SandboxErrorPage):
            return _error_page(opened)
        return self._consent(*opened, accounts)

    def answer(self, hub_id: str | None = None) -> str | tuple[str, int] | Response:
        """Act on the user's choice: redirect to the client, or show an error page."""
        refuse_other_sites()
        opened, accounts = self._opened(), _accounts(hub_id)
        if isinstance(opened, SandboxErrorPage):
            return _error_page(opened)
        asked, app = opened
        decision, choice = request.form.get("decision"), _choice(accounts)
        if decision == "deny":
            return self._back(asked, _DENIAL)
        if choice is None or decision not in ("allow", "approve"):
            return self._consent(asked, app, accounts, notice="incomplete"), 400
        if decision == "approve":
            self._sandbox.approve(app.client_id, choice.account)
            return self._consent(asked, app, accounts, notice="approved")
        return self._connect(asked, app, choice)

    def _opened(self) -> tuple[SandboxRequest, SandboxApp] | SandboxErrorPage:
        if len(request.query_string) > _MAX_QUERY:
            abort(414)
        asked = SandboxRequest.from_query(request.args)
        app = self._sandbox.app(asked.client_id)
        g.sandbox_cuts_opener = app is not None and app.cuts_opener
        refused = refuse_request(app, asked, self._sandbox.catalogue)
        return (refused or UNKNOWN_CLIENT) if refused or app is None else (asked, app)

    def _consent(
        self,
        asked: SandboxRequest,
        app: SandboxApp,
        accounts: Iterable[Account],
        *,
        notice: str = "",
    ) -> str:
        g.sandbox_leads_away = True
        catalogue = self._sandbox.catalogue
        return render_template(
            "sandbox/authorize.html",
            app=app,
            accounts=accounts,
            roles=_ROLES,
            scope=_rows(asked.scope, catalogue),
            optional_scope=_rows(asked.optional_scope, catalogue),
            answer_groups=token_answers(),
            chosen=request.form,
            notice=notice,
            query=_query(),
            host=urlsplit(asked.redirect_uri).netloc,
        )

    def _connect(self, asked: SandboxRequest, app: SandboxApp, choice: _Choice) -> str | Response:
        seen = self._sandbox.seen_by(choice.account, app)
        outcome = decide(seen, asked, choice.account, choice.role, self._sandbox.catalogue)
        if isinstance(outcome, SandboxErrorPage):
            return _error_page(outcome, choice)
        code = SandboxCode(
            grant=_grant(app, choice, outcome),
            redirect_uri=asked.redirect_uri,
            code_challenge=asked.code_challenge,
            code_challenge_method=asked.code_challenge_method,
            expires_at=self._sandbox.clock() + self._sandbox.code_lifetime,
        )
        return self._back(asked, {"code": issue_code(self._sandbox, code)})

    def _back(self, asked: SandboxRequest, answer: Mapping[str, str]) -> str | Response:
        """Redirect to the client, whose redirect URI is registered (RFC 6749 section 4.1.2)."""
        if asked.state is not None:
            answer = {**answer, "state": asked.state}
        if "marketplace" in request.args:
            url = listing_url(self._sandbox, asked.client_id, asked.redirect_uri)
            step = {} if asked.state is None else {"step": "finalize"}
            answer = {**step, **answer, "returnUrl": url}
        if not self._sandbox.may_redirect(asked.client_id, asked.redirect_uri):
            return render_template("sandbox/not_sent.html", redirect_uri=asked.redirect_uri)
        parts = urlsplit(asked.redirect_uri)
        query = "&".join(filter(None, (parts.query, urlencode(answer, quote_via=quote))))
        return redirect(parts._replace(query=query).geturl())


#: HubSpot publishes no list of codes; RFC 6749 section 4.1.2.1 has this one for a refusal.
_DENIAL = {"error": "access_denied", "error_description": "The user denied the connection"}

_ROLES = (
    (SandboxRole.SUPER_ADMIN, "Super Admin", "may install any app"),
    (SandboxRole.MARKETPLACE, "User with Marketplace Access", "may install apps"),
    (SandboxRole.USER, "User without it", "may not install apps"),
)


def _accounts(hub_id: str | None) -> tuple[Account, ...]:
    """Return the accounts to choose from: all, or the one that the URL names."""
    if hub_id is None:
        return ACCOUNTS
    account = find_account(hub_id)
    return (account,) if account else abort(404, "The sandbox has no account with this number.")


def _choice(accounts: Iterable[Account]) -> _Choice | None:
    hub_id = request.form.get("account")
    account = next((account for account in accounts if str(account.hub_id) == hub_id), None)
    role = next((role for role in SandboxRole if role == request.form.get("role")), None)
    token_answer = request.form.get("token_answer", "ok")
    if account is None or role is None:
        return None
    return _Choice(account, role, token_answer) if is_token_answer(token_answer) else None


def _grant(app: SandboxApp, choice: _Choice, outcome: SandboxGranted) -> Grant:
    account, browser_id = choice.account, person_of(choice.account, choice.role)
    scope, optional = granted(choice.token_answer, outcome.scope, outcome.optional_scope)
    return Grant(
        client_id=app.client_id,
        hub_id=account.hub_id,
        user_id=browser_id.user_id,
        user=browser_id.email,
        hub_domain=account.domain,
        region=account.region,
        scope=scope,
        optional_scope=optional,
        answer=choice.token_answer,
    )


def _error_page(page: SandboxErrorPage, choice: _Choice | None = None) -> str:
    """Show HubSpot's own error page: status 200, and no link back to the client."""
    return render_template(
        "sandbox/error.html", title=ERROR_TITLE, page=page, choice=choice, query=_query()
    )


def _rows(names: Iterable[str], catalogue: Catalogue) -> list[tuple[str, str, str]]:
    """Return each scope's name, what it gives access to, and the lowest subscription with it."""
    rows = []
    for name in names:
        entry, lowest = catalogue.by_name.get(name), subscription_for(name, catalogue)
        needs = "request" if lowest is None else lowest.name.lower()
        rows.append((name, entry.opens if entry else "", needs))
    return rows


def _query() -> str:
    return request.query_string.decode("ascii", "replace")
