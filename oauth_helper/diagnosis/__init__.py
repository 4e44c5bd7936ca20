"""Core: why a connection failed, who can mend it, and how. Evidence in, ranked causes out. Pure."""

from oauth_helper.diagnosis.causes import Cause, Fix, Responsible, Stage, Wording, fix_for, wording
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
    "KnownMessage",
    "Responsible",
    "Role",
    "Stage",
    "Wording",
    "client_error_wording",
    "diagnose",
    "fix_for",
    "known_messages",
    "wording",
]
