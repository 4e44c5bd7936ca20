"""Core: why a connection failed, who can mend it, and how. Evidence in, ranked causes out. Pure."""

from oauth_helper.diagnosis.causes import Cause, Fix, Stage, Who, Wording, fix_for, wording
from oauth_helper.diagnosis.client_errors import Mistake, mistake_wording
from oauth_helper.diagnosis.diagnose import diagnose
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, Role
from oauth_helper.diagnosis.known_messages import KnownMessage, known_messages

__all__ = [
    "Candidate",
    "Cause",
    "Diagnosis",
    "Evidence",
    "Fix",
    "KnownMessage",
    "Mistake",
    "Role",
    "Stage",
    "Who",
    "Wording",
    "diagnose",
    "fix_for",
    "known_messages",
    "mistake_wording",
    "wording",
]
