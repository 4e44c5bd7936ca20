"""Texts for pages: what stands in `backquotes` is code."""

from __future__ import annotations

import re

from flask import Flask
from markupsafe import Markup, escape


def install(app: Flask) -> None:
    """Makes `with_code` a filter of the templates of `app`."""
    app.add_template_filter(with_code)


def with_code(text: str) -> Markup:
    """`text`, escaped, with what stands in backquotes as code."""
    return Markup(re.sub(r"`([^`]{1,200})`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
