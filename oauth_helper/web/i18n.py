"""Choose the language of a page: the one picked on the page, otherwise the browser's."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import Flask, after_this_request, current_app, g, request
from werkzeug.wrappers import Response

from oauth_helper.web.translations import LANGUAGES, translations

_YEAR = 365 * 86_400

# Where an application keeps the name of the cookie among its extensions.
_COOKIE = "oauth_helper.language_cookie"

# Pages for staff and developers, and the sandbox, are in English only.
_ENGLISH_ONLY = ("/support", "/setup", "/api", "/sandbox")


def install(app: Flask, *, secure: bool) -> None:
    """Enable translations in the templates of `app`, and remember the language that was picked."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        translate, _translate_plural, newstyle=True
    )
    # Templates use `_` for their own texts and `translate` for texts from data: `translate` doesn't
    # treat "%" as a placeholder, and its result is escaped like any other text.
    app.jinja_env.globals.update(
        language=language, language_links=language_links, translate=translate
    )
    app.extensions[_COOKIE] = "__Host-language" if secure else "language"


def language() -> str:
    """Return the language code of this request's page, one of `LANGUAGES`."""
    if "language" not in g:
        g.language = _chosen()
    return str(g.language)


def translate(text: str) -> str:
    """Return `text` in the language of this request's page."""
    return translations(language()).gettext(text)


def marked(text: str) -> str:
    """Return `text` unchanged. The call marks it for extraction; it is translated later."""
    return text


def language_links() -> list[tuple[str, str, str]]:
    """Return code, native name and page address of each language; none for English-only pages."""
    if _is_english_only():
        return []
    # The response to a posted form has no address that can be linked, but the form's page has.
    path = quote(request.path.removesuffix("/report")) if request.endpoint else "/"
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return [
        (code, name, f"{path}?{urlencode([*kept, ('lang', code)])}")
        for code, name in LANGUAGES.items()
    ]


def _translate_plural(singular: str, plural: str, number: int) -> str:
    return translations(language()).ngettext(singular, plural, number)


def _chosen() -> str:
    if _is_english_only():
        return "en"
    # Werkzeug's `get` of what isn't there raises an error, and takes longer than all else here.
    if "lang" in request.args and (picked := request.args["lang"]) in LANGUAGES:
        after_this_request(_remember)
        return picked
    name = current_app.extensions[_COOKIE]
    if name in request.cookies and (kept := request.cookies[name]) in LANGUAGES:
        return kept
    if "Accept-Language" not in request.headers:
        return "en"
    # In order of preference; Werkzeug's best_match would choose `de` for `en-GB, de;q=0.9`.
    for preferred, quality in request.accept_languages:
        code = preferred.partition("-")[0].lower()
        if code in LANGUAGES and quality > 0:
            return code
    return "en"


def _remember(response: Response) -> Response:
    name = current_app.extensions[_COOKIE]
    response.set_cookie(
        name,
        language(),
        max_age=_YEAR,
        secure=name.startswith("__Host-"),
        httponly=True,
        samesite="Lax",
    )
    return response


def _is_english_only() -> bool:
    return request.path.startswith(_ENGLISH_ONLY)
