"""Document the settings for operators: as a table, and as an example of `.env`."""

from __future__ import annotations

import textwrap

from oauth_helper.config.settings import SETTINGS

_HEAD = """\
# The settings of oauth_helper with their defaults.
#
# Copy this file to .env, remove the "# " before the settings that you change, and keep .env
# private: it holds secrets. The environment takes precedence over .env. Put a value that has "$" in
# single quotes. At start, the program names all wrong values at once.
"""


def settings_table() -> str:
    """Return every setting as a table in Markdown."""
    rows = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for each in SETTINGS:
        default = f"`{each.default}`" if each.default else "empty"
        meaning = each.meaning.replace("<", "\\<")
        rows.append(f"| `{each.name}` | {default} | {meaning} |")
    return "\n".join(rows)


def example_env() -> str:
    """Return a `.env` file that explains every setting and sets none."""
    parts = [_HEAD]
    for each in SETTINGS:
        if each.section:
            parts.append(f"\n# ---- {each.section} ----\n")
        comment = textwrap.fill(
            each.meaning, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
        )
        parts.append(f"{comment}\n# {each.name}={each.default}\n")
    return "\n".join(parts)
