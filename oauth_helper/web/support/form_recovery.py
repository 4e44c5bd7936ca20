"""What somebody typed into a form whose session had ended: it goes along until they send it again.

It travels in the pages themselves, as a hidden field of the sign-in form, so nothing of it is kept
here. What comes in is taken for text of anybody's: it leads to the forms named below only, it is
shown before it is sent, and sending it takes a press of a button on a page with a new CSRF token.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from flask import current_app, request
from flask import url_for as url
from werkzeug.exceptions import HTTPException

from oauth_helper.common.references import parse_reference
from oauth_helper.web.security import is_same_origin

#: The staff's forms that people type into: by endpoint, the fields and what to call them.
FORMS = {
    "support.work": {"text": "Your note"},
    "support.work_on_many": {"text": "Your note"},
    "support.report": {"message": "What HubSpot's page says"},
    "check.check": {
        "app_config": "The app's file",
        "required": "Required scopes",
        "conditional": "Conditionally required scopes",
        "optional": "Optional scopes",
        "redirect_urls": "Redirect URLs",
        "authorize_url": "The link",
    },
}

#: The hidden field that it travels in.
FIELD = "typed"

# Characters of a field; the next one is tried when the whole would not fit into a form.
_CUTS = (5000, 2000, 500)

# Bytes as a form sends it; forms take 64 kB.
_LARGEST = 48_000

# Of a form that is not one of ours there may be any number.
_MOST_FIELDS, _LONGEST_NAME, _LONGEST_VALUE = 1000, 60, 10_000


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of a form, and the path where it was going, which is one of `FORMS`."""

    action: str
    endpoint: str
    fields: tuple[tuple[str, str], ...]
    is_cut: bool = False

    @property
    def texts(self) -> list[tuple[str, str, str]]:
        """What was typed: for each field its name, what to call it, and the text."""
        labels = FORMS[self.endpoint]
        return [
            (name, labels[name], value) for name, value in self.fields if name in labels and value
        ]

    @property
    def others(self) -> list[tuple[str, str]]:
        """What goes along with it, such as the button that was pressed."""
        return [(name, value) for name, value in self.fields if name not in FORMS[self.endpoint]]

    @property
    def reference(self) -> str | None:
        """The reference of the one record that it goes to; None when it goes to none or several."""
        _, arguments = current_app.url_map.bind("").match(self.action, method="POST")
        return parse_reference(arguments.get("reference", ""))

    def as_text(self) -> str:
        """All of it for the hidden field."""
        document = {"to": self.action, "fields": self.fields, "cut": self.is_cut}
        return json.dumps(document, ensure_ascii=False)


def typed_in_this_form() -> Typed | None:
    """What this request's form brings; None when nothing was typed or it is not a form of ours.

    None too when the form comes from another site, and when it has more fields than go along: a
    note must not reach fewer failures than were ticked.
    """
    # It takes no session to get this far, so any site could send a form: the visitor would sign in
    # and find somebody else's words prepared as if they were theirs. A browser that is too old to
    # tell where a form comes from gets it shown, before and after signing in, and nothing is done
    # without the press of a button that no other site can press.
    if request.endpoint not in FORMS or not is_same_origin():
        return None
    fields = [
        (name, value.replace("\r\n", "\n"))
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and len(name) <= _LONGEST_NAME
    ]
    if len(fields) > _MOST_FIELDS:
        return None
    labels = FORMS[request.endpoint]
    for most in _CUTS:
        # Only what people typed: without the end of its filters a form would reach more failures.
        kept = tuple((name, value[:most] if name in labels else value) for name, value in fields)
        is_cut = kept != tuple(fields)
        typed = Typed(request.path, request.endpoint, kept, is_cut)
        if len(quote_plus(typed.as_text(), errors="replace")) <= _LARGEST:
            return typed if any(text.strip() for _, _, text in typed.texts) else None
    return None


def typed_before() -> Typed | None:
    """What the hidden field of this request's form brings along; None without one of ours."""
    try:
        document: dict[str, Any] = json.loads(request.form.get(FIELD, ""))
        fields = tuple((_text(name), _text(value)) for name, value in document["fields"])
        endpoint, action = _form_at(_text(document["to"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    fit = all(
        name != "csrf_token" and len(name) <= _LONGEST_NAME and len(value) <= _LONGEST_VALUE
        for name, value in fields
    )
    if len(fields) > _MOST_FIELDS or not fit:
        return None
    typed = Typed(action, endpoint, fields, document.get("cut") is True)
    return typed if typed.texts else None


def _text(value: object) -> str:
    """A text that can be written down: JSON may hold halves of characters."""
    return str(value).encode(errors="replace").decode()


def _form_at(path: str) -> tuple[str, str]:
    """The form of ours at `path`, and its path made anew. Raises ValueError for anything else."""
    try:
        endpoint, arguments = current_app.url_map.bind("").match(path, method="POST")
    except HTTPException as error:
        raise ValueError("there is no such form") from error
    if endpoint not in FORMS:
        raise ValueError("nobody types into that")
    return endpoint, url(endpoint, **arguments)
