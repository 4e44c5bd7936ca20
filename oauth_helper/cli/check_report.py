"""What `check` says: for people, for GitHub's annotations, and as SARIF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import click

from oauth_helper.cli.messages import wrapped
from oauth_helper.common.redaction import harmless
from oauth_helper.diagnosis import Cause, wording
from oauth_helper.diagnosis.app_check import tally
from oauth_helper.scopes import Preflight, Problem, Severity
from oauth_helper.scopes.app_configuration import REDIRECT_KEY, SCOPE_KEYS, auth_in
from oauth_helper.scopes.app_file import AppFile
from oauth_helper.scopes.json_file import line_of

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}

#: Of a file that can't be used; no cause has its name.
UNUSABLE = "app_file_unusable"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A problem for a program that shows it at its place. `line` is from 1."""

    rule: str
    title: str
    severity: Severity
    message: str
    file: str
    line: int = 1


def findings_in(file: AppFile, checked: Preflight) -> list[CheckResult]:
    """Return each problem of the check with its place in the file."""
    return [
        CheckResult(
            problem.code,
            wording(Cause(problem.code)).title.replace("`", ""),
            problem.severity,
            " ".join(filter(None, (problem.message, *_ways(problem)))),
            file.origin,
            line_of_problem(file, problem),
        )
        for problem in checked.problems
    ]


def unusable(origin: str, problems: Sequence[str]) -> list[CheckResult]:
    """Return the problems of a file that can't be used; each may begin with its line."""
    return [
        CheckResult(
            UNUSABLE,
            "App file can't be used",
            Severity.ERROR,
            problem[:1].upper() + problem[1:],
            origin,
            int(found[1]) if (found := re.search(r"\bline (\d+)", problem)) else 1,
        )
        for problem in problems
    ]


def line_of_problem(file: AppFile, problem: Problem) -> int:
    """Return the line of the file that `problem` is about: a scope, a list, or else `auth`."""
    path, auth = auth_in(file.document)
    if problem.scopes:
        for key in SCOPE_KEYS.values():
            if problem.scopes[0] in auth.get(key, ()):
                return line_of(file.text, (*path, key), problem.scopes[0]) or 1
    elif REDIRECT_KEY in auth:
        path = (*path, REDIRECT_KEY)
    return line_of(file.text, path) or 1


def check_text(
    file: AppFile,
    checked: Preflight,
    *,
    against: str,
    fixed: Preflight | None,
    width: int | None,
) -> str:
    """Return what a check found, the verdict first. `fixed` is the check of the printed file."""
    lines = [_verdict(checked), wrapped(_heading(checked, file.origin, against), width)]
    for problem in checked.problems:
        lines += ["", *_problem_lines(file, problem, width)]
    hints = [_hint(checked)] if fixed is None else [*_after_fixing(file, checked, fixed)]
    lines += ["", *(wrapped(hint, width) for hint in hints)] if any(hints) else []
    return "\n".join(lines)


def github_text(findings: Sequence[CheckResult]) -> str:
    """Return the findings as GitHub's workflow commands, one a line.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands (2026-11)
    """
    return "\n".join(
        f"::{each.severity.value} file={_property(each.file)},line={each.line},"
        f"title={_property(each.title)}::{_data(each.message)}"
        for each in findings
    )


def sarif(findings: Sequence[CheckResult], version: str) -> dict[str, Any]:
    """Return the findings as SARIF 2.1.0 (OASIS)."""
    rules = {each.rule: each.title for each in findings}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "oauth_helper check",
                        "version": version,
                        "rules": [
                            {"id": rule, "shortDescription": {"text": title}}
                            for rule, title in rules.items()
                        ],
                    }
                },
                "results": [_result(each) for each in findings],
            }
        ],
    }


def _result(finding: CheckResult) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "level": finding.severity.value,
        "message": {"text": harmless(finding.message)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.file)},
                    "region": {"startLine": finding.line},
                }
            }
        ],
    }


def _uri(file: str) -> str:
    return "standard-input" if file == "standard input" else quote(file)


def _data(text: str) -> str:
    return harmless(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _ways(problem: Problem) -> Iterator[str]:
    if problem.url_fix:
        yield f"In the link: {problem.url_fix}"
    if problem.app_fix:
        yield f"In the app: {problem.app_fix}"


def _heading(checked: Preflight, file: str, against: str) -> str:
    url = f"redirect URL {checked.redirect_uri}" if checked.redirect_uri else "no redirect URL"
    scope, optional = len(checked.requested.scope), len(checked.requested.optional_scope)
    return (
        f"{file}, compared with {against}: {url}, "
        f"{scope} in `scope` and {optional} in `optional_scope`."
    )


def _problem_lines(file: AppFile, problem: Problem, width: int | None) -> Iterator[str]:
    marker = click.style(problem.severity, fg=_COLOURS[problem.severity], bold=True)
    title = click.style(wording(Cause(problem.code)).title, bold=True)
    place = f"{harmless(file.origin)}:{line_of_problem(file, problem)}"
    yield f"{place}  {marker}  {title} ({problem.code})"
    yield wrapped(problem.message, width, "  ")
    if problem.url_fix:
        yield wrapped(problem.url_fix, width, "  in the link: ")
    if problem.app_fix:
        yield wrapped(problem.app_fix, width, "  in the app:  ")


def _verdict(checked: Preflight) -> str:
    counted = tally(checked.problems)
    if checked.ok:
        more = f": {counted}" if counted else ""
        return click.style(f"✓ HubSpot will accept this link{more}.", fg="green", bold=True)
    return click.style(f"✗ HubSpot will reject this link: {counted}.", fg="red", bold=True)


def _hint(checked: Preflight) -> str:
    if any(problem.both for problem in checked.errors):
        return "Both the link and the file have to change."
    if checked.ok:
        return ""
    if checked.corrected == checked.app:
        return "Only the link can fix that; the file may stay as it is."
    return "Run with --fix to print a corrected file."


def _after_fixing(file: AppFile, checked: Preflight, fixed: Preflight) -> Iterator[str]:
    """Yield what the printed file still has, with the reason, and what it no longer lists."""
    gone = [name for name in sorted(checked.app.listed) if name not in fixed.app.listed]
    if gone:
        yield f"Removed from the file, since HubSpot no longer has it: {', '.join(gone)}."
    for problem in fixed.problems:
        title = wording(Cause(problem.code)).title
        why = "only the link can fix it" if not problem.app_fix else "fix it by hand"
        yield f"Left ({why}): {title}. {problem.message}"
    if not fixed.problems:
        yield f"The corrected {file.origin} fits this link."
