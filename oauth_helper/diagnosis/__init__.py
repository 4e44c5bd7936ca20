"""Why a connection failed, who can fix it and how: evidence in, ranked causes out.

Pure: it knows neither records nor pages, so every part of the program gets the same answer.
"""

from oauth_helper.diagnosis.causes import (
    Cause,
    Fix,
    HelpLink,
    Responsible,
    Stage,
    Wording,
    ends_connection,
    fix_for,
    wording,
)
from oauth_helper.diagnosis.client_errors import ClientError, client_error_wording
from oauth_helper.diagnosis.diagnose import diagnose
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, Role
from oauth_helper.diagnosis.known_messages import KnownMessage, known_messages

__all__ = [
    "Candidate",
    "Cause",
    "ClientError",
    "Diagnosis",
    "Evidence",
    "Fix",
    "HelpLink",
    "KnownMessage",
    "Responsible",
    "Role",
    "Stage",
    "Wording",
    "client_error_wording",
    "diagnose",
    "ends_connection",
    "fix_for",
    "known_messages",
    "wording",
]
