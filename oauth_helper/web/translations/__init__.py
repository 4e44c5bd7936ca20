"""The customers' pages in other languages: one gettext catalog (`<language>.po`) for each.

The program reads them as they are, so an edit takes effect at the next start. Babel, which extracts
the texts to `messages.pot` with the command in CONTRIBUTING.md, is needed in development only.
"""

from __future__ import annotations

import gettext
import json
import re
from functools import lru_cache
from importlib import resources

#: Code and own name of each language; English is what the texts are written in.
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt": "Português",
    "ja": "日本語",
}

# A text and its translation, each in one or more lines of quoted strings.
_MESSAGE = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"(?:\n|$))+)', re.MULTILINE)


class PoTranslations(gettext.NullTranslations):
    """The texts of a .po file. Plural forms aren't read, because no text has any."""

    def __init__(self, po_file: str) -> None:
        super().__init__()
        self._texts = {
            _unquoted(text): _unquoted(translation)
            for text, translation in _MESSAGE.findall(po_file)
        }

    def gettext(self, message: str) -> str:
        """Return the translation, or `message` itself when there is none."""
        return self._texts.get(message) or message


@lru_cache(maxsize=len(LANGUAGES))
def translations(language: str) -> gettext.NullTranslations:
    """Return the translations into one of `LANGUAGES`; texts that have none stay English."""
    if language == "en":
        return gettext.NullTranslations()
    path = resources.files(__package__).joinpath(f"{language}.po")
    return PoTranslations(path.read_text(encoding="utf-8"))


def _unquoted(lines: str) -> str:
    # The escapes of .po files that we use are those of JSON.
    return "".join(map(json.loads, lines.splitlines()))
