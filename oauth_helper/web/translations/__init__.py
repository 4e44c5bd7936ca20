"""The customers' pages in other languages: one gettext catalogue (`<language>.po`) for each.

They are read as they are, without a step of compiling, so that an edit counts at the next start.
`messages.pot` has all texts, and is made by the command in CONTRIBUTING.md.
"""

from __future__ import annotations

import gettext
import io
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


@lru_cache(maxsize=len(LANGUAGES))
def translations(language: str) -> gettext.NullTranslations:
    """The translations into one of `LANGUAGES`; what is not translated stays English."""
    if language == "en":
        return gettext.NullTranslations()
    # Imported when the first page in another language is asked for: it takes a moment.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with resources.files(__package__).joinpath(f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
