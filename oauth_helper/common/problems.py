"""Say in words why a connection or a command failed, for the log and for commands."""

import re
import ssl

_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLError, "TLS failed"),
    (ConnectionRefusedError, "connection refused"),
    (TimeoutError, "no answer in time"),
    (ConnectionError, "connection broken"),
)


def in_words(error: BaseException | None) -> str:
    """Return what went wrong, by the type of `error` or of an error that it is due to.

    The texts of libraries aren't shown, because they may contain passwords.
    """
    cause = error
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {cause.verify_message}"
        for kind, words in _WORDS:
            if isinstance(cause, kind):
                return words
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    # Libraries name their errors well: MasterNotFoundError, ReadTimeoutError.
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    return name.removesuffix(" error") if name.count(" ") > 1 else name
