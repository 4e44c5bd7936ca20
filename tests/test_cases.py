"""The corpus: real cases and paraphrases of them, read as the command and the API read them.

`cases/README.md` says what a line holds.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from oauth_helper.cli.main import cli
from oauth_helper.diagnosis import Cause, Stage, fix_for
from oauth_helper.diagnosis.app_check import LinkError, link_in, link_with, read_app
from oauth_helper.diagnosis.explanation import evidence_from, explain
from oauth_helper.hubspot.token_response import read_token_response
from oauth_helper.scopes import shipped_catalogue

CASES = Path(__file__).parent / "cases"
CATALOGUE = shipped_catalogue()

#: Cases whose text is the same as that of another case with another cause.
AMBIGUOUS = {"hs-108"}


def lines_of(name):
    return [json.loads(line) for line in (CASES / name).read_text("utf-8").splitlines()]


def cases_of(name):
    return [pytest.param(case, id=case["id"]) for case in lines_of(name)]


FAILURES = cases_of("failures.jsonl") + cases_of("paraphrases.jsonl")
APPS = cases_of("apps.jsonl") + cases_of("app-paraphrases.jsonl")


@dataclass(frozen=True)
class Verdict:
    """What holds of one case; None where it says nothing of it."""

    first: bool
    among_three: bool
    names: bool | None
    steps: bool | None

    @property
    def right(self):
        return (
            self.first and self.among_three and self.names is not False and self.steps is not False
        )


def link_of(case):
    if "authorize_url" in case:
        try:
            return link_in(case["authorize_url"])
        except LinkError:  # cut off in the source
            if "scope" not in case:
                return None
    if "scope" in case:
        return link_with(" ".join(case["scope"]), " ".join(case.get("optional_scope", ())))
    return None


def answer_of(case):
    if "response" not in case:
        return None
    body = case["response"]["body"]
    text = body if isinstance(body, str) else json.dumps(body)
    return read_token_response(case["response"]["status"], {}, text.encode())


def explanation_of(case):
    app = case.get("app_config")
    evidence = evidence_from(
        catalogue=CATALOGUE,
        message=case.get("message", ""),
        stage=Stage(case["stage"]),
        link=link_of(case),
        app=read_app(json.dumps(app), origin="case").configuration if app else None,
        answer=answer_of(case),
    )
    return explain(evidence)


def verdict_on(case):
    found = explanation_of(case)
    steps = " ".join(step for fix in found.fixes for step in fix.steps)
    wanted, forbidden = case.get("a_step_says_one_of"), case.get("never_says", [])
    says = None
    if wanted or forbidden:
        says = any(word in steps for word in wanted or [""])
        says = says and not any(word in steps for word in forbidden)
    return Verdict(
        first=found.cause in case["cause"],
        among_three=any(each.cause in case["cause"] for each in found.candidates[:3]),
        names=set(found.scopes) == set(case["scopes"]) if "scopes" in case else None,
        steps=says,
    )


@pytest.mark.parametrize("case", FAILURES)
def test_the_cause_is_named_with_its_scopes_and_steps(case):
    verdict = verdict_on(case)
    if case["id"] in AMBIGUOUS:
        assert verdict.among_three
    else:
        assert verdict.right, (verdict, explanation_of(case))


RIVALS = [param for param in FAILURES if "rival" in param.values[0]]


def test_each_cause_has_a_case_that_resembles_it():
    assert {param.values[0]["rival"] for param in RIVALS} == set(Cause)


@pytest.mark.parametrize("case", RIVALS)
def test_no_case_is_answered_with_the_steps_of_a_rival(case):
    found = explanation_of(case)
    others, own = (
        {
            step
            for fix in fix_for(Cause(cause), scopes=found.scopes, detail="eu1")
            for step in fix.steps
        }
        for cause in (case["rival"], case["cause"][0])
    )
    assert others - own
    assert not (others - own) & {step for fix in found.fixes for step in fix.steps}


def checked(case, tmp_path, *options):
    path = tmp_path / "app-hsmeta.json"
    content = case["file"]
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    arguments = ["check", str(path)]
    for key in ("authorize_url", "scope", "optional_scope"):
        if key in case:
            arguments += [f"--{key.replace('_', '-')}", case[key]]
    environ = {"PUBLIC_URL": "http://localhost:8000", "DATA_DIR": str(tmp_path)}
    return CliRunner().invoke(cli, [*arguments, *options], env=environ)


def faults_of(case, tmp_path):
    """What `check` answers otherwise than the case wants."""
    expected = case["expected"]
    text, answer = checked(case, tmp_path), checked(case, tmp_path, "--format", "json")
    document = json.loads(answer.stdout)
    problems = document.get("problems", [])
    errors = [each for each in problems if each["severity"] == "error"]
    warnings = [each["code"] for each in problems if each["severity"] == "warning"]
    said = text.output
    holds = {
        "exit": lambda value: text.exit_code == answer.exit_code == value,
        "ok": lambda value: document["ok"] is value,
        "first_error": lambda value: bool(errors) and errors[0]["code"] == value,
        "scopes": lambda value: bool(errors) and errors[0]["scopes"] == value,
        "says": lambda value: all(word in said for word in value),
        "first_says": lambda value: bool(errors) and all(w in errors[0]["message"] for w in value),
        "warnings": lambda value: warnings == value,
        "no_suggestion": lambda _: "did you mean" not in said.lower(),
        "both_sides": lambda _: "both" in said.lower() and "may stay as it is" not in said,
        "only": lambda value: len(problems) == value,
    }
    return [name for name, value in expected.items() if not holds[name](value)]


@pytest.mark.parametrize("case", APPS)
def test_check_reads_the_file(case, tmp_path):
    assert faults_of(case, tmp_path) == [], checked(case, tmp_path).output


def share(verdicts, name):
    known = [getattr(each, name) for each in verdicts if getattr(each, name) is not None]
    return f"{sum(known)}/{len(known)}"


def test_the_table(tmp_path, capsys):
    """Prints how many are right, and holds the bounds: 95% first, every one among three."""
    lines = [f"{'':24}{'first':>9}{'of three':>10}{'names':>8}{'steps':>8}"]
    for name in ("failures.jsonl", "paraphrases.jsonl"):
        verdicts = [verdict_on(case) for case in lines_of(name)]
        shares = [share(verdicts, part) for part in ("first", "among_three", "names", "steps")]
        lines.append(f"{name:24}{shares[0]:>9}{shares[1]:>10}{shares[2]:>8}{shares[3]:>8}")
        assert sum(each.first for each in verdicts) >= 0.95 * len(verdicts)
        assert all(each.among_three for each in verdicts)
    for name in ("apps.jsonl", "app-paraphrases.jsonl"):
        right = [not faults_of(case, tmp_path) for case in lines_of(name)]
        lines.append(f"{name:24}{sum(right)}/{len(right)}")
        assert all(right)
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
