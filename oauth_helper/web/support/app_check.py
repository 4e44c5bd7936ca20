"""The staff's page for checking an app's configuration against a link, before anybody opens it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

from flask import Blueprint, Response, abort, render_template, request
from flask_login import login_required
from werkzeug.utils import secure_filename

from oauth_helper.common.redaction import harmless
from oauth_helper.common.references import parse_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import wording
from oauth_helper.diagnosis.app_check import (
    CheckedLink,
    LinkError,
    compare,
    errors_of,
    link_in,
    read_app,
    tally,
)
from oauth_helper.scopes import (
    AppConfiguration,
    AppConfigurationError,
    Kind,
    Preflight,
    is_scope_token,
)
from oauth_helper.scopes.app_configuration import REDIRECT_KEY, SCOPE_KEYS
from oauth_helper.scopes.app_file import AppFile, corrected_text
from oauth_helper.scopes.files import MAX_BYTES, as_text
from oauth_helper.web.security import limit, max_body
from oauth_helper.web.support.failure import link_of
from oauth_helper.web.support.services import services

blueprint = Blueprint("check", __name__, url_prefix="/support/check")
blueprint.add_app_template_filter(harmless)

# Bytes of a form: a file of the largest size may be chosen, and another one be pasted.
_LARGEST_FORM = 2_500_000

_FILE_NAME = "app-hsmeta.json"

# The boxes for an app without a file, with the key that a file has for each.
_BOXES = {
    "required": SCOPE_KEYS[Kind.REQUIRED],
    "conditional": SCOPE_KEYS[Kind.CONDITIONAL],
    "optional": SCOPE_KEYS[Kind.OPTIONAL],
    "redirect_urls": REDIRECT_KEY,
}

# So many scopes that differ for the same reason are shown at once.
_MOST_ALIKE = 10

# A problem that tells what is wrong with the file as a whole, without its place in it.
_OF_THE_WHOLE = re.compile(r"(?:is|lists) ")

# How many names in a box that can't be scopes are named, and how many characters of each.
_NAMED, _SHOWN = 5, 100


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form holds; the boxes of the three lists have the names of the kinds.

    `failure` is the reference of the failure that led here, or empty.
    """

    profile: str = ""
    failure: str = ""
    app_config: str = ""
    required: str = ""
    conditional: str = ""
    optional: str = ""
    redirect_urls: str = ""
    authorize_url: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A scope in the link and in the app; what is empty lacks it."""

    name: str
    in_link: str
    in_app: str
    reason: str = ""

    @property
    def differs(self) -> bool:
        """Return whether HubSpot rejects the link because of it."""
        return bool(self.reason)


@dataclass(frozen=True, slots=True)
class Group:
    """Scopes that differ for the same reason, a code; `more` are those that are too many."""

    reason: str
    rows: tuple[Row, ...]
    more: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """A check for the page. `corrected` is the file as the link needs it, empty if it fits."""

    checked: Preflight
    title: str
    against: str
    corrected: str = ""
    file_name: str = _FILE_NAME

    @property
    def verdict(self) -> str:
        """Return what HubSpot will do."""
        if self.checked.ok:
            return "HubSpot will accept it"
        return f"HubSpot will reject it: {tally(errors_of(self.checked))}"

    @property
    def download(self) -> str:
        """Return the corrected file as a JSON text: a form field would change its line ends."""
        return json.dumps(self.corrected, ensure_ascii=False)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return every scope of link or app, those that differ first."""
        requested, app = self.checked.requested, self.checked.app
        # Where there are several reasons, the last is what to fix, such as the wrong parameter.
        wrong = {name: each.code for each in errors_of(self.checked) for name in each.scopes}
        listed = (*app.required, *app.conditional, *app.optional)
        found = [
            Row(name, _places(self.checked, name), app.kind_of(name) or "", wrong.get(name, ""))
            for name in dict.fromkeys((*requested.all, *listed))
        ]
        return tuple(sorted(found, key=lambda row: not row.differs))

    @property
    def differing(self) -> tuple[Group, ...]:
        """Return the scopes that differ, by their reasons."""
        differing = [row for row in self.rows if row.differs]
        return tuple(
            Group(reason, same[:_MOST_ALIKE], same[_MOST_ALIKE:])
            for reason in dict.fromkeys(row.reason for row in differing)
            if (same := tuple(row for row in differing if row.reason == reason))
        )


@dataclass(frozen=True, slots=True)
class _Upload:
    name: str
    text: str


class _WrongFieldsError(ValueError):
    """Fields of the form that cannot be used: for each its problems."""

    def __init__(self, problems: dict[str, list[str]]) -> None:
        self.problems = problems
        super().__init__(", ".join(problems))


@blueprint.get("")
@login_required  # type: ignore[untyped-decorator]
def page() -> str:
    """Show the form, and what is known of the apps whose configuration is a setting.

    With `failure`, a reference, the app is compared with the link of that failure.
    """
    if reference := request.args.get("failure"):
        return _page_for_failure(reference)
    name = request.args.get("profile")
    profile = _profile_or_404(name) if name else None
    known = profile.preflight() if profile else None
    result = None
    if profile and known:
        title = f"The app's configuration known for {profile.title}"
        result = Result(known, title, _against(profile))
    return _page(Typed(profile=profile.name if profile else ""), result)


def _page_for_failure(reference: str) -> str:
    """Show the check of the link that failed, complete if the app is known, else ready to paste."""
    found = services().failures.get(parse_reference(reference) or "")
    profile = services().profiles.get(found.profile) if found else None
    if found is None or profile is None:
        abort(404, "There is no failure with this reference, or its profile is gone.")
    link = CheckedLink(found.requested, found.redirect_uri)
    typed = Typed(
        profile=profile.name,
        failure=found.reference,
        authorize_url=link_of(found, profile),
    )
    if profile.app is None:
        return _page(typed)
    checked = compare(profile.app, link, profile.catalogue)
    file = _file_with({box: list(names) for box, names in _lists_of(profile.app).items()})
    corrected = corrected_text(file, checked.corrected)
    title = f"The app's configuration known for {profile.title}"
    against = f"the link of {found.reference}"
    return _page(
        typed, Result(checked, title, against, "" if corrected == file.text else corrected)
    )


@blueprint.post("")
@login_required  # type: ignore[untyped-decorator]
@limit(120)
@max_body(_LARGEST_FORM)
def check() -> str | tuple[str, int]:
    """Show the same page with what the check has found, or with what is wrong in the form."""
    typed = Typed(**{each.name: _field(each.name) for each in fields(Typed)})
    profile = _profile_or_404(typed.profile)
    try:
        upload = _upload()
        if upload and not typed.app_config.strip():
            typed = replace(typed, app_config=upload.text)
        file = _file(upload, typed)
        link, against = _link(typed, profile)
    except _WrongFieldsError as error:
        return _page(typed, problems=error.problems), 400
    checked = compare(file.configuration, link, profile.catalogue)
    text = corrected_text(file, checked.corrected)
    ignored = upload is not None and typed.app_config != upload.text
    result = Result(
        checked,
        title=file.origin + (" (the pasted text was ignored)" if ignored else ""),
        against=against,
        corrected="" if text == file.text else text,
        file_name=(upload and secure_filename(upload.name)) or _FILE_NAME,
    )
    return _page(typed, result)


@blueprint.post("/corrected")
@login_required  # type: ignore[untyped-decorator]
@max_body(_LARGEST_FORM)
def corrected() -> Response:
    """Send the corrected file for download, which the page has sent along."""
    try:
        text = json.loads(request.form.get("corrected", ""))
    except (ValueError, RecursionError):
        text = None
    if not isinstance(text, str):
        abort(400, "The corrected file is missing. Check the file again.")
    name = secure_filename(request.form.get("name", "")[:100]) or _FILE_NAME
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    content = text.encode(errors="replace")
    return Response(content, mimetype="application/json", headers=headers)


def _page(
    typed: Typed, result: Result | None = None, problems: dict[str, list[str]] | None = None
) -> str:
    profiles = services().profiles.values()
    return render_template(
        "support/check.html",
        profiles=profiles,
        known=[(each, checked) for each in profiles if (checked := each.preflight())],
        typed=typed,
        result=result,
        problems=problems or {},
        failure=parse_reference(typed.failure),
        wording=wording,
        tally=tally,
        errors_of=errors_of,
    )


def _field(name: str) -> str:
    # Forms send CR LF, whatever the text had that was pasted.
    return request.form.get(name, "").replace("\r\n", "\n")


def _upload() -> _Upload | None:
    """Return the file that was chosen. Raises `_WrongFieldsError`."""
    chosen = request.files.get("file")
    if chosen is None or not chosen.filename:
        return None
    name = chosen.filename[-_SHOWN:]
    with _problems_at("file"):
        raw = chosen.stream.read(MAX_BYTES + 1)
        return _Upload(name, as_text(raw, name, AppConfigurationError))


def _file(upload: _Upload | None, typed: Typed) -> AppFile:
    """Return the app's file as chosen, pasted or made of the lists. Raises `_WrongFieldsError`."""
    if upload:
        is_shown = typed.app_config == upload.text
        with _problems_at("app_config" if is_shown else "file"):
            return read_app(upload.text, origin=upload.name)
    if typed.app_config.strip():
        with _problems_at("app_config"):
            return read_app(typed.app_config, origin="The pasted file")
    lists = {box: _names_in(box, getattr(typed, box)) for box in _BOXES}
    if not any(lists.values()):
        raise _WrongFieldsError(
            {"app_config": ["Paste the app's file, choose it below, or enter its lists."]}
        )
    with _problems_at("required"):
        return _file_with(lists)


def _file_with(lists: dict[str, list[str]]) -> AppFile:
    """Return an app's file that holds what each box has. Raises `AppConfigurationError`."""
    # A box that is left empty says nothing; a list that is empty in a file says that there is none.
    auth = {"type": "oauth", **{key: lists[box] for box, key in _BOXES.items() if lists[box]}}
    text = json.dumps({"config": {"auth": auth}}, indent=2, ensure_ascii=False) + "\n"
    return read_app(text, origin="The lists")


def _lists_of(app: AppConfiguration) -> dict[str, tuple[str, ...]]:
    return {
        "required": app.required,
        "conditional": app.conditional,
        "optional": app.optional,
        "redirect_urls": app.redirect_urls or (),
    }


def _names_in(box: str, text: str) -> list[str]:
    """Return the names in a box, wherever they were copied from. Raises `_WrongFieldsError`."""
    if box == "redirect_urls":
        return text.split()
    names = [name for name in re.split(r"[\s,;\"]+", text) if name]
    wrong = [repr(name[:_SHOWN]) for name in names if not is_scope_token(name)]
    if wrong:
        raise _WrongFieldsError({box: [f"No scope can be named {', '.join(wrong[:_NAMED])}."]})
    return names


@contextmanager
def _problems_at(field: str) -> Iterator[None]:
    """Take problems with an app's file for problems of `field`."""
    try:
        yield
    except AppConfigurationError as error:
        raise _WrongFieldsError({field: [_sentence(each) for each in error.problems]}) from error


def _sentence(problem: str) -> str:
    """Return the problem, which follows a file's name elsewhere, as a sentence below a field."""
    return f"This {problem}" if _OF_THE_WHOLE.match(problem) else problem


def _against(profile: Profile) -> str:
    return f"the link of {profile.title}"


def _places(checked: Preflight, name: str) -> str:
    requested = checked.requested
    parameters = {"scope": requested.scope, "optional_scope": requested.optional_scope}
    return " and ".join(place for place, names in parameters.items() if name in names)


def _link(typed: Typed, profile: Profile) -> tuple[CheckedLink, str]:
    """Return the link to compare with, and what to call it. Raises `_WrongFieldsError`."""
    if not typed.authorize_url.strip():
        return CheckedLink(profile.usual_request, profile.redirect_uri), _against(profile)
    try:
        return link_in(typed.authorize_url), "the link given"
    except LinkError as error:
        raise _WrongFieldsError({"authorize_url": [f"Can't be checked: {error}."]}) from error


def _profile_or_404(name: str) -> Profile:
    profile = services().profiles.get(name)
    if profile is None:
        abort(404, f"There is no profile named “{name[:40]}” here.")
    return profile
