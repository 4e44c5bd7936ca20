"""Define the filters that templates use."""

from __future__ import annotations

import re

from flask import Flask
from markupsafe import Markup, escape

from oauth_helper.common.times import ago, iso, readable


def install(app: Flask) -> None:
    """Add the filters to the templates of `app`."""
    for template_filter in (iso, readable, ago, with_code):
        app.add_template_filter(template_filter)


def with_code(text: str) -> Markup:
    """Return `text` escaped, with parts in backquotes marked up as code."""
    return Markup(re.sub(r"`([^`]{1,200})`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
