"""Core: why a connection failed, who can mend it, and how. Evidence in, ranked causes out. Pure."""

from oauth_helper.diagnosis.causes import Cause, Fix, Stage, Who, Wording, fix_for, wording
from oauth_helper.diagnosis.diagnose import Candidate, Diagnosis, Evidence, diagnose

__all__ = [
    "Candidate",
    "Cause",
    "Diagnosis",
    "Evidence",
    "Fix",
    "Stage",
    "Who",
    "Wording",
    "diagnose",
    "fix_for",
    "wording",
]
