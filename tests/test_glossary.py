"""Documents and pages use the product's words: one word for one thing, as a native writer would."""

import re

import pytest
from paths import ROOT

#: A word to avoid, and what to write instead.
AVOID = {
    r"mend\w*": "fix",
    r"somebody|whoever|whomever": "the customer, the caller, the worker",
    r"(?:is|are|be|was|were) told": "sees, gets, learns, is shown",
    r"of (?:its|his|her|their|one's) own": "its own, a separate",
    r"so many": "many, this many",
    r"it stands|stands (?:there|here)": "is, is written",
    r"letter by letter|to the letter": "exactly",
    r"for ever": "until, without a limit",
    r"the way of": "like, as",
    r"noting|sealing|sealed|seals|unseals?": "write, log; encrypt, decrypt",
    r"(?-i:Else)": "otherwise",
    r"(?:#+ |<h\d[^>]*>)what HubSpot said": "HubSpot's message",
}

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    ROOT / "config.example.env",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "tests" / "cases" / "README.md",
    ROOT / "tests" / "clients" / "README.md",
]
PACKAGE = ROOT / "oauth_helper"
PAGES = sorted(PACKAGE.rglob("templates/**/*.html"))


def words_to_avoid(text: str) -> set[str]:
    pattern = rf"(?im)(?<![\w-])(?:{'|'.join(AVOID)})(?![\w-])"
    return {match[0].lower() for match in re.finditer(pattern, text)}


def text_of(path):
    # `mended` is a field of the JSON API, which stays.
    text = path.read_text("utf-8").replace("`mended`", "")
    # A line break reads as a blank.
    return re.sub(r"(?<=\S)[ \t]*\n[ \t]*(?=[a-z])", " ", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_has_a_word_to_avoid(path):
    assert not words_to_avoid(text_of(path))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_page_has_a_word_to_avoid(path):
    assert not words_to_avoid(text_of(path))


@pytest.mark.parametrize("words", AVOID)
def test_each_word_is_found(words):
    examples = (
        "Somebody mends it letter by letter. Else it is told of its own key and sealed for ever, "
        "so many times, as it stands, the way of the world.\n\n## What HubSpot said"
    )
    assert re.search(f"(?i){words}", examples)
    assert words_to_avoid(examples) >= {"somebody", "mends", "else", "## what hubspot said"}
