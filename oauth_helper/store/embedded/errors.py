"""Why the embedded store can't be used; each message says what to do.

StoreError
├── StoreInUseError         another oauth_helper uses DATA_DIR
├── StoreNotWritableError   DATA_DIR is no directory, read-only, full, or another user's
├── StoreNotStartedError    the server ended or did not answer; has the end of its log
└── StoreUnsupportedError   there is no server for this machine
"""

from __future__ import annotations


class StoreError(Exception):
    """The embedded store cannot be used; the message says why and what to do."""


class StoreInUseError(StoreError):
    """Another program uses the directory."""


class StoreNotWritableError(StoreError):
    """The directory cannot be created, entered or written."""


class StoreNotStartedError(StoreError):
    """The server ended at once or did not answer in time."""


class StoreUnsupportedError(StoreError):
    """There is no embedded store for this machine."""
