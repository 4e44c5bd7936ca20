"""The language of a page: the one that was chosen by the switch, else the browser's."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import Flask, current_app, g, request
from werkzeug.wrappers import Response

from oauth_helper.web.translations import LANGUAGES, translations

_YEAR = 365 * 86_400

# Their readers are staff and developers, and their texts are English.
_ENGLISH_ONLY = ("/support", "/setup", "/api", "/sandbox")


def install(app: Flask, *, secure: bool) -> None:
    """Lets the templates of `app` translate, and remembers the language that somebody chose."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        translate, _translate_plural, newstyle=True
    )
    # `_` is for texts that stand in the templates, `translate` for those that are data: it takes no
    # "%" for a placeholder, and what it gives is escaped like any other text.
    app.jinja_env.globals.update(
        language=language, language_links=language_links, translate=translate
    )
    name = "__Host-language" if secure else "language"
    app.extensions["oauth_helper.language_cookie"] = name

    @app.after_request
    def remember(response: Response) -> Response:
        chosen = request.args.get("lang")
        if chosen in LANGUAGES and not _is_english_only():
            response.set_cookie(
                name, chosen, max_age=_YEAR, secure=secure, httponly=True, samesite="Lax"
            )
        return response


def language() -> str:
    """The code of the language of this request's page, one of `LANGUAGES`."""
    if "language" not in g:
        g.language = _chosen()
    return str(g.language)


def translate(text: str) -> str:
    """`text` in the language of this request's page."""
    return translations(language()).gettext(text)


def marked(text: str) -> str:
    """`text` as it is, marked to be found for translation where it is not yet known for whom."""
    return text


def language_links() -> list[tuple[str, str, str]]:
    """Code, own name and address of this page in each language; none where there is only one."""
    if _is_english_only():
        return []
    # The answer to a form has no address of its own; the page of the form has.
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
    cookie = request.cookies.get(current_app.extensions["oauth_helper.language_cookie"])
    for code in (request.args.get("lang"), cookie):
        if code in LANGUAGES:
            return code
    # By order of preference; Werkzeug's best_match would take `de` for `en-GB, de;q=0.9`.
    for wanted, quality in request.accept_languages:
        code = wanted.partition("-")[0].lower()
        if code in LANGUAGES and quality > 0:
            return code
    return "en"


def _is_english_only() -> bool:
    return request.path.startswith(_ENGLISH_ONLY)
