"""The pages that show and change an app's configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import quote, urlencode

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from oauth_helper.sandbox.apps import Sandbox, SandboxApp
from oauth_helper.sandbox.mismatches import mismatches, with_mismatch
from oauth_helper.sandbox.other_sites import refuse_other_sites
from oauth_helper.sandbox.rules import is_registered
from oauth_helper.scopes import (
    AppConfiguration,
    AppConfigurationError,
    join_scope,
    parse_app_configuration,
)

# A real configuration has a few kilobytes, and every page of the app reads it.
_MAX_TEXT = 64_000


class AppPages:
    """The views of one sandbox's apps. `register` adds them to a blueprint."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        path = "/app/<client_id>"
        blueprint.add_url_rule(path, view_func=self.show_app)
        blueprint.add_url_rule(path, view_func=self.change_app, methods=["POST"])
        blueprint.add_url_rule(f"{path}/app-hsmeta.json", view_func=self.app_file)
        blueprint.add_url_rule("/marketplace/<client_id>", view_func=self.listing)

    def show_app(self, client_id: str) -> str:
        """Return the app's configuration in a form."""
        app = self._app(client_id)
        return self._page(app, text=app_file_text(app))

    def app_file(self, client_id: str) -> Response:
        """Return the configuration as the file of a developer project."""
        return Response(app_file_text(self._app(client_id)), content_type="application/json")

    def listing(self, client_id: str) -> str | Response:
        """Show the app in the Marketplace; with `state`, continue an install."""
        app, uri = self._app(client_id), request.args.get("redirect_uri")
        if uri and "state" in request.args:
            query = _authorize_query(app, uri, marketplace="yes", state=request.args["state"])
            return redirect(f"{url_for('.authorize')}?{query}")
        return render_template(
            "sandbox/listing.html",
            app=app,
            installs=[
                (
                    each,
                    _authorize_query(app, each, marketplace="yes"),
                    urlencode(
                        {
                            "step": "authorize",
                            "returnUrl": listing_url(self._sandbox, app.client_id, each),
                        }
                    ),
                )
                for each in app.configuration.redirect_urls
            ],
            is_installed=bool(uri),
        )

    def change_app(self, client_id: str) -> Response | tuple[str, int]:
        """Save, reset or break the app, by the button that was pressed."""
        refuse_other_sites()
        app = self._app(client_id)
        action, _, name = request.form.get("action", "").partition(":")
        changed: AppConfiguration | None = None
        match action:
            case "reset":
                self._sandbox.reset(client_id)
                return redirect(url_for(".show_app", client_id=client_id, changed="reset"), 303)
            case "save":
                return self._save(app)
            case "mismatch":
                changed = with_mismatch(name, app.configuration, self._sandbox.catalogue)
        if changed is None:
            abort(400, "There is no such button on this page.")
        self._sandbox.edit(replace(app, configuration=changed))
        return redirect(url_for(".show_app", client_id=client_id, changed=name), 303)

    def _save(self, app: SandboxApp) -> Response | tuple[str, int]:
        text = request.form.get("configuration", "")
        edited = replace(
            app,
            policy_signed="policy_signed" in request.form,
            governed="governed" in request.form,
            link_valid="link_valid" in request.form,
            cuts_opener="cuts_opener" in request.form,
        )
        try:
            configuration = _read(text)
        except AppConfigurationError as error:
            return self._page(edited, text=text, problems=error.problems), 400
        self._sandbox.edit(replace(edited, configuration=configuration))
        return redirect(url_for(".show_app", client_id=app.client_id, changed="saved"), 303)

    def _app(self, client_id: str) -> SandboxApp:
        return self._sandbox.app(client_id) or abort(404, "The sandbox has no app of this id.")

    def _page(self, app: SandboxApp, *, text: str, problems: tuple[str, ...] = ()) -> str:
        uris = app.configuration.redirect_urls
        return render_template(
            "sandbox/app.html",
            app=app,
            text=text,
            problems=problems,
            mismatches=mismatches(),
            edited=self._sandbox.is_edited(app.client_id),
            authorize_query=uris and _authorize_query(app, uris[0]),
            changed=_changes().get(request.args.get("changed", "")),
            home=self._sandbox.home,
        )


def _changes() -> dict[str, str]:
    """Return what each button did, in words, by its name in the address."""
    return {"saved": "configuration saved", "reset": "all changes undone", **dict(mismatches())}


def app_file_text(app: SandboxApp) -> str:
    """Return the app's configuration as `app-hsmeta.json` has it.

    As of 2026-11:
    https://developers.hubspot.com/docs/apps/developer-platform/build-apps/app-configuration
    """
    configuration = app.configuration
    auth = {
        "type": configuration.auth_type,
        "redirectUrls": configuration.redirect_urls,
        "requiredScopes": configuration.required,
        "optionalScopes": configuration.optional,
        "conditionallyRequiredScopes": configuration.conditional,
    }
    document = {"uid": app.client_id, "type": "app", "config": {"name": app.title, "auth": auth}}
    return json.dumps(document, indent=2) + "\n"


def _read(text: str) -> AppConfiguration:
    origin = "app-hsmeta.json"
    if len(text) > _MAX_TEXT:
        raise AppConfigurationError(origin, [f"is longer than {_MAX_TEXT:,} characters"])
    configuration = parse_app_configuration(text, origin=origin)
    wrong = [url for url in configuration.redirect_urls if not is_registered(url, configuration)]
    if wrong:
        raise AppConfigurationError(
            origin, [f"redirectUrls: {url[:200]!a} is no web address" for url in wrong]
        )
    return configuration


def listing_url(sandbox: Sandbox, client_id: str, redirect_uri: str) -> str:
    """Return where an install from the Marketplace ends."""
    path = url_for(".listing", client_id=client_id, redirect_uri=redirect_uri)
    return (sandbox.home or request.host_url.rstrip("/")) + path


def _authorize_query(app: SandboxApp, redirect_uri: str, **more: str) -> str:
    """Return the query of an authorize URL that fits the app."""
    fields = {
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "scope": join_scope(app.configuration.required),
        "optional_scope": join_scope(app.configuration.optional),
        **more,
    }
    return "&".join(f"{key}={quote(value, safe='')}" for key, value in fields.items() if value)
