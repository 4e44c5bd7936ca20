"""Core: why a connection failed, who can mend it, and how. Evidence in, ranked causes out. Pure."""

from oauth_helper.diagnosis.causes import Cause, Fix, Stage, Who, Wording, fix_for, wording
from oauth_helper.diagnosis.client_mistakes import Mistake, mistake_wording
from oauth_helper.diagnosis.diagnose import diagnose
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, Role
from oauth_helper.diagnosis.usual_messages import UsualMessage, usual_messages

__all__ = [
    "Candidate",
    "Cause",
    "Diagnosis",
    "Evidence",
    "Fix",
    "Mistake",
    "Role",
    "Stage",
    "UsualMessage",
    "Who",
    "Wording",
    "diagnose",
    "fix_for",
    "mistake_wording",
    "usual_messages",
    "wording",
]
