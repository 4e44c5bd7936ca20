"""Write the texts to send about a failure: the answer to the customer, the note to a developer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

from oauth_helper.common.times import iso
from oauth_helper.diagnosis import Fix, Responsible, Stage, fix_for
from oauth_helper.failures.model import Failure, Resolution, Status
from oauth_helper.failures.triage import has_connected


def reply(failure: Failure, *, address: str, translate: Callable[[str], str]) -> str:
    """Return the text for the customer, who can start again at `address`.

    If only developers or operators can fix the failure, it says that they are working on it.
    """
    fixes = fix_for(
        failure.cause,
        scopes=failure.missing,
        detail=failure.candidates[0].detail,
        redirect_uri=failure.redirect_uri,
        profile=failure.profile,
        client=failure.client,
        words=failure.words,
        translate=translate,
    )
    return "\n\n".join(_paragraphs(failure, fixes, address, translate)) + "\n"


def _paragraphs(
    failure: Failure, fixes: tuple[Fix, ...], address: str, translate: Callable[[str], str]
) -> Iterator[str]:
    yield translate("Hi,")
    yield (
        translate("Your HubSpot connection couldn't be renewed.")
        if failure.stage is Stage.REFRESH
        else translate("Your HubSpot connection didn't go through.")
    )
    if has_connected(failure):
        yield translate("It has worked since: your account is connected. Nothing is left to do.")
        return
    words = failure.words
    yield translate(words.customer)
    theirs = _steps(fixes, Responsible.CUSTOMER)
    admins = _steps(fixes, Responsible.ACCOUNT_ADMIN)
    if failure.status is Status.RESOLVED and failure.resolution in (None, Resolution.FIXED):
        again = translate("This is fixed now. Please try once more:") + f"\n{address}"
        there = translate("This is fixed now. Please try once more in the program you came from:")
        yield f"{there} {failure.client}" if failure.client else again
    elif failure.status is Status.RESOLVED:
        yield _closed(failure.resolution, translate)
        yield translate("If you still need the connection, please reply to this message.")
    else:
        if theirs:
            yield translate("What you can do") + ":\n" + theirs
        if admins:
            yield translate("What an admin of your HubSpot account can do") + ":\n" + admins
        if theirs or admins or words.again:
            again = translate("Then start again here:") + f"\n{address}"
            there = translate("Then start again in the program you came from:")
            yield f"{there} {failure.client}" if failure.client else again
        elif failure.assignee:
            yield translate("We're working on a fix, and will let you know when to try again.")
        else:
            yield translate("Trying again won't help until it's fixed.")
    reference = translate("If you contact us about this, please quote this reference:")
    yield f"{reference} {failure.reference}"


def _closed(resolution: Resolution | None, translate: Callable[[str], str]) -> str:
    """Say why a failure is resolved without a fix."""
    match resolution:
        case Resolution.NOT_NEEDED:
            return translate("We've closed this, because no change is needed.")
        case Resolution.DUPLICATE:
            return translate("We've closed this, and are handling it with your other request.")
        case Resolution.UNREACHABLE:
            return translate("We've closed this, because we couldn't reach you.")
    return translate("We've closed this.")


def _steps(fixes: tuple[Fix, ...], who: Responsible) -> str:
    steps = [step for fix in fixes if fix.who is who for step in fix.steps]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def developer_note(failure: Failure, *, page: str, link: str) -> str:
    """Return what a developer needs, in Markdown.

    `page` is the address of the failure, `link` the authorize URL, empty when it is unknown.
    """
    return "\n\n".join(_sections(failure, page, link)) + "\n"


def _sections(failure: Failure, page: str, link: str) -> Iterator[str]:
    words = failure.words
    yield f"**{words.title}** (`{failure.cause}`)"
    yield words.explained
    scopes = ", ".join(_code(name) for name in failure.missing)
    facts = {
        "Failure": f"{failure.reference}, {page}",
        "At": f"{iso(failure.at)}, stage {failure.stage}, profile {failure.profile}",
        "Account": str(failure.hub_id or ""),
        "Scopes": scopes,
        "HubSpot's correlation id": _code(failure.correlation_id),
    }
    yield "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)
    if failure.message:
        yield "What HubSpot said:\n\n" + _block(failure.message)
    for fix in failure.fix:
        if fix.who in (Responsible.APP_DEVELOPER, Responsible.OPERATOR):
            steps = "\n".join(f"{number}. {step}" for number, step in enumerate(fix.steps, 1))
            yield f"{fix.who.title}:\n\n{steps}"
    if link:
        command = f"python -m oauth_helper check app-hsmeta.json --profile {failure.profile}"
        yield "The link:\n\n" + _block(link)
        yield "Check the app's file against it:\n\n" + _block(
            f"{command} --authorize-url {shlex.quote(link)}"
        )


def _code(text: str) -> str:
    """Return text from outside as a code span."""
    return f"`{text.replace('`', chr(39))}`" if text else ""


def _block(text: str) -> str:
    """Return text from outside as a code block that nothing in it can end."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"
