"""The catalogues hold every text that customers read, complete and with its placeholders."""

import io
import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from paths import ROOT

from oauth_helper.diagnosis import Cause, Responsible, known_messages, wording
from oauth_helper.scopes import shipped_catalogue
from oauth_helper.web.translations import LANGUAGES, PoTranslations, translations

FOLDER = ROOT / "oauth_helper" / "web" / "translations"
TRANSLATED = [code for code in LANGUAGES if code != "en"]


def extracted():
    """Every text that is marked in code, templates and tables, as `pybabel extract` finds it."""
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None, "translate": None}
    found = extract_from_dir(ROOT / "oauth_helper", methods, options, keywords)
    return {message for _, _, message, _, _ in found}


def catalogue(name) -> Catalog:
    return read_po(io.BytesIO((FOLDER / name).read_bytes()), abort_invalid=True)


def placeholders(text):
    return sorted(re.findall(r"%\(\w+\)s|\{\w+\}", text))


def test_the_template_is_current():
    """When this fails, run the command in CONTRIBUTING.md and translate what is new."""
    assert {message.id for message in catalogue("messages.pot") if message.id} == extracted()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_with_its_placeholders(language):
    texts = {message.id: message for message in catalogue(f"{language}.po") if message.id}
    assert set(texts) == extracted()
    for original, message in texts.items():
        assert message.string, original
        assert not message.fuzzy, original
        assert placeholders(message.string) == placeholders(original), original


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_differ_from_english(language):
    """But for names and words that the language shares with English."""
    texts = [message for message in catalogue(f"{language}.po") if message.id]
    same = [message.id for message in texts if message.id == message.string]
    assert len(same) < 10, same


def test_what_customers_are_told_is_extracted():
    texts = extracted()
    for cause in Cause:
        words = wording(cause)
        assert words.customer in texts
        for fix in words.fix:
            if fix.who in (Responsible.CUSTOMER, Responsible.ACCOUNT_ADMIN):
                assert texts.issuperset(fix.steps)
    assert texts.issuperset(each.says for each in known_messages())
    assert texts.issuperset(scope.opens for scope in shipped_catalogue().scopes)


def test_what_is_not_translated_stays_english():
    assert translations("de").gettext("No such text at all") == "No such text at all"
    assert translations("en").gettext("Start again") == "Start again"
    assert translations("de").gettext("Start again") != "Start again"


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_program_reads_a_catalog_as_babel_does(language):
    for message in catalogue(f"{language}.po"):
        if message.id:
            assert translations(language).gettext(message.id) == message.string


def test_escapes_and_lines_of_a_catalog_are_joined():
    header = 'msgid ""\nmsgstr "Language: x\\n"\n'
    text = '#, c\nmsgid ""\n"a \\"b\\"\\n"\n"c"\nmsgstr "d\\t"\n"é"'
    assert PoTranslations(f"{header}\n{text}").gettext('a "b"\nc') == "d\té"
