import re
import string
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.common.references import (
    ALPHABET,
    CHANCE,
    day_of,
    find_reference,
    is_mistyped,
    new_reference,
    parse_reference,
)
from oauth_helper.common.references import __doc__ as documentation

FIRST = date(2026, 1, 1)
DAYS = 23**3
days = st.integers(0, DAYS - 1).map(lambda number: FIRST + timedelta(days=number))
chances = st.text(ALPHABET, min_size=CHANCE, max_size=CHANCE)


def reference(day, chance):
    characters = iter(chance)
    return new_reference(day, lambda _: next(characters))


SAMPLE = reference(date(2026, 11, 23), "4QK3XWC9")


def test_the_alphabet_leaves_out_what_is_mistaken():
    assert len(set(ALPHABET)) == len(ALPHABET) == 23
    assert not set(ALPHABET) & set("AEIOU" + "01BLNSUZ6")
    assert set(ALPHABET) < set(string.ascii_uppercase + string.digits)


@given(days, chances)
@settings(max_examples=300)
def test_a_reference_reads_back_with_its_day(day, chance):
    made = reference(day, chance)
    assert parse_reference(made) == made
    assert day_of(made) == day
    assert [len(part) for part in made.split("-")] == [4, 4, 4]
    bare = made.replace("-", "")
    assert set(bare) <= set(ALPHABET)
    assert bare[3:11] == chance


def test_references_of_a_day_differ_in_every_place():
    made = [new_reference(FIRST).replace("-", "") for _ in range(500)]
    assert len(set(made)) == 500
    assert all({each[place] for each in made} == set(ALPHABET) for place in range(3, 11))


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (FIRST, "222"),
        (date(2026, 1, 2), "223"),
        (date(2026, 1, 23), "22Y"),
        (date(2026, 1, 24), "232"),
        (FIRST + timedelta(days=DAYS - 1), "YYY"),
    ],
    ids=str,
)
def test_the_day_stands_in_front(day, begins):
    assert reference(day, "2" * CHANCE).startswith(begins)


def test_later_days_sort_later():
    made = [reference(FIRST + timedelta(days=n), "Y" * CHANCE) for n in range(0, DAYS, 97)]
    assert made == sorted(made)


def test_the_choice_is_made_of_the_alphabet_for_each_character():
    offered = []

    def choose(text):
        offered.append(text)
        return text[-1]

    assert new_reference(FIRST, choose).startswith("222Y-YYYY-YYY")
    assert offered == [ALPHABET] * CHANCE


@pytest.mark.parametrize("place", range(12))
def test_every_wrong_character_is_caught(place):
    bare = SAMPLE.replace("-", "")
    for char in ALPHABET:
        typed = bare[:place] + char + bare[place + 1 :]
        assert parse_reference(typed) == (SAMPLE if char == bare[place] else None)


@pytest.mark.parametrize("place", range(11))
def test_every_swap_of_neighbours_is_caught(place):
    bare = SAMPLE.replace("-", "")
    assert bare[place] != bare[place + 1], "the sample has no equal neighbours"
    typed = bare[:place] + bare[place + 1] + bare[place] + bare[place + 2 :]
    assert parse_reference(typed) is None


@given(days, chances, st.integers(0, 10))
@settings(max_examples=200)
def test_swaps_are_caught_in_any_reference(day, chance, place):
    made = reference(day, chance)
    bare = made.replace("-", "")
    typed = bare[:place] + bare[place + 1] + bare[place] + bare[place + 2 :]
    assert parse_reference(typed) == (made if typed == bare else None)


@pytest.mark.parametrize("place", range(12))
def test_a_character_too_few_or_too_many_is_caught(place):
    bare = SAMPLE.replace("-", "")
    assert parse_reference(bare[:place] + bare[place + 1 :]) is None
    assert parse_reference(bare[:place] + bare[place] + bare[place:]) is None


@pytest.mark.parametrize(
    "spell",
    [
        str.lower,
        lambda made: made.replace("-", ""),
        lambda made: made.replace("-", " "),
        lambda made: f"  {made}\n",
        lambda made: " ".join(made.replace("-", "")),
        lambda made: made.replace("-", "_").lower(),
        lambda made: made.replace("-", "."),
        lambda made: made.replace("-", "\u00a0"),
    ],
    ids=["lower", "bare", "blanks", "padded", "spaced", "underscores", "dots", "no-break-space"],
)
def test_how_people_type_it(spell):
    assert parse_reference(spell(SAMPLE)) == SAMPLE


@pytest.mark.parametrize(
    ("typed", "meant"), ["6G", "B8", "S5", "Z2", "NM", "UV", "b8"], ids="/".join
)
def test_a_look_alike_is_read_as_what_it_stands_for(typed, meant):
    made = reference(FIRST, (meant * CHANCE)[:CHANCE])
    assert meant in made
    assert parse_reference(made.replace(meant, typed)) == made


@pytest.mark.parametrize("char", sorted(set(string.ascii_uppercase + string.digits) - {*ALPHABET}))
def test_what_the_alphabet_leaves_out_is_read_or_refused(char):
    made = reference(FIRST, "Q" * CHANCE)
    assert parse_reference(made.replace("Q", char)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "2" * 11,
        "0" * 12,
        SAMPLE + SAMPLE,
        SAMPLE + " " * 40,
        "é" * 12,
        "٢" * 12,
        "\x00" * 12,
    ],
    ids=["empty", "hyphen", "short", "zeros", "twice", "long", "accents", "other-digits", "nul"],
)
def test_no_reference(text):
    assert parse_reference(text) is None


@given(st.text() | st.text(ALPHABET + "-", min_size=10, max_size=16))
@settings(max_examples=300)
def test_whatever_reads_is_in_its_usual_form(text):
    read = parse_reference(text)
    assert read is None or parse_reference(read) == read


def test_the_example_in_the_documentation_is_one():
    (example,) = re.findall(r"`(\w{4}-\w{4}-\w{4})`", documentation or "")
    assert parse_reference(example) == example


@pytest.mark.parametrize(
    "text",
    [
        "2M7G-7JW3-4R5J",
        "Reference: 2M7G-7JW3-4R5J",
        "my reference is 2m7g 7jw3 4r5j, thanks",
        "2M7G\u20137JW3\u20134R5J",
        "\u201c2M7G\u20117JW3\u20114R5J\u201d",
        "1000101 2M7G7JW34R5J",
    ],
)
def test_a_reference_is_found_among_words(text):
    assert find_reference(text) == "2M7G-7JW3-4R5J"


@pytest.mark.parametrize("text", ["", "no such here", "2M7G-7JW3-4R5K", "a" * 5000, "1000101"])
def test_none_is_found_where_there_is_none(text):
    assert find_reference(text) is None


@pytest.mark.parametrize(
    ("text", "mistyped"),
    [
        ("2M7G-7JW3-4R5K", True),
        (" 2m7g7jw34r5k ", True),
        ("2M7G-7JW3-4R5J", False),
        ("tickets", False),
        ("1000101", False),
        ("", False),
    ],
)
def test_a_slip_of_the_pen_is_told_from_other_words(text, mistyped):
    assert is_mistyped(text) is mistyped
