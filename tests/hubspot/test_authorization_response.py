import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.hubspot.authorization_response import (
    MAX_CODE,
    MAX_DESCRIPTION,
    Code,
    Declined,
    Malformed,
    read_authorization_response,
    single,
)

NEITHER = Malformed("it has neither a code nor an error")
NO_CODE = Malformed("its code is no code")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"code": ["abc"], "state": ["s"]}, Code("abc"), id="code"),
        pytest.param({"code": ["abc"], "error": [""]}, Code("abc"), id="code-and-empty-error"),
        pytest.param(
            {"code": ["abc"], "iss": ["https://i.example"]},
            Code("abc", "https://i.example"),
            id="code-and-issuer",
        ),
        pytest.param({"error": ["access_denied"]}, Declined("access_denied"), id="error"),
        pytest.param(
            {"error": ["e"], "error_description": ["why"], "iss": ["i"]},
            Declined("e", "why", "i"),
            id="error-with-description",
        ),
        pytest.param({"error": ["e"], "code": ["abc"]}, Declined("e"), id="error-before-code"),
        pytest.param(
            {"error": ["e" * 101], "error_description": ["d" * 2001]},
            Declined("e" * 100, "d" * 2000),
            id="long-texts-are-cut",
        ),
        pytest.param({}, NEITHER, id="nothing"),
        pytest.param({"code": []}, NEITHER, id="no-value"),
        pytest.param({"code": [""], "error": [""]}, NEITHER, id="empty-values"),
        pytest.param({"error_description": ["why"]}, NEITHER, id="description-alone"),
        pytest.param({"Code": ["abc"]}, NEITHER, id="case-of-the-name"),
        pytest.param(
            {"code": ["a", "a"], "iss": ["i"]},
            Malformed("the parameter code is there more than once", "i"),
            id="two-codes",
        ),
        pytest.param(
            {"code": ["a"], "error": ["", ""]},
            Malformed("the parameter error is there more than once"),
            id="two-errors",
        ),
        pytest.param(
            {"error": ["e"], "error_description": ["a", "b"]},
            Malformed("the parameter error_description is there more than once"),
            id="two-descriptions",
        ),
        pytest.param(
            {"code": ["a"], "iss": ["i", "j"]},
            Malformed("the parameter iss is there more than once"),
            id="two-issuers",
        ),
        pytest.param({"code": ["a" * 2048]}, Code("a" * 2048), id="longest-code"),
        pytest.param({"code": ["a" * 2049]}, NO_CODE, id="code-too-long"),
        pytest.param({"code": ["a\nb"]}, NO_CODE, id="control-character"),
        pytest.param({"code": ["aé"]}, NO_CODE, id="not-ascii"),
        pytest.param({"code": ["\ud800"]}, NO_CODE, id="half-a-surrogate-pair"),
    ],
)
def test_each_kind_of_response(parameters, expected):
    assert read_authorization_response(parameters) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([""], None), (["a"], "a"), (["a", "a"], None), (["", "a"], None)],
    ids=["none", "empty", "one", "same-twice", "two"],
)
def test_a_parameter_counts_when_it_stands_once(values, expected):
    assert single({"state": values}, "state") == expected
    assert single({}, "state") is None


values = st.lists(st.text(), max_size=3)
names = st.sampled_from(["code", "error", "error_description", "iss", "state"]) | st.text()


@given(st.dictionaries(names, values))
@settings(max_examples=300)
def test_anything_reads_as_one_of_the_three(parameters):
    match read_authorization_response(parameters):
        case Code(code=code):
            assert 0 < len(code) <= MAX_CODE
            assert code.isascii()
            assert code.isprintable()
            assert [code] == parameters["code"]
        case Declined(error=error, description=description):
            assert 0 < len(error) <= MAX_DESCRIPTION
            assert len(description) <= MAX_DESCRIPTION
        case Malformed(why=why):
            # What came in is not quoted.
            assert why in (
                "it has neither a code nor an error",
                "its code is no code",
                *(
                    f"the parameter {name} is there more than once"
                    for name in ("code", "error", "error_description", "iss")
                ),
            )
