"""Write the answer to a customer, ready to send: what happened, what to do, where to continue."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from oauth_helper.diagnosis import Fix, Responsible, fix_for
from oauth_helper.failures.model import Failure, Status
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
    yield translate("Your HubSpot connection didn't go through.")
    if has_connected(failure):
        yield translate("It has worked since: your account is connected. Nothing is left to do.")
        return
    words = failure.words
    yield translate(words.customer)
    theirs = _steps(fixes, Responsible.CUSTOMER)
    admins = _steps(fixes, Responsible.ACCOUNT_ADMIN)
    if failure.status is Status.RESOLVED:
        again = translate("This is fixed now. Please try once more:") + f"\n{address}"
        there = translate("This is fixed now. Please try once more in the program you came from:")
        yield f"{there} {failure.client}" if failure.client else again
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
            yield translate("We are fixing it, and will tell you when you can try again.")
        else:
            yield translate("Trying again won't help until it's fixed.")
    reference = translate("If you contact us about this, please quote this reference:")
    yield f"{reference} {failure.reference}"


def _steps(fixes: tuple[Fix, ...], who: Responsible) -> str:
    steps = [step for fix in fixes if fix.who is who for step in fix.steps]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
