"""Every key in Redis.

| key | type | holds |
|---|---|---|
| `oh:{<day>}:attempt:<reference>` | hash | one attempt |
| `oh:{<day>}:open` | sorted set | attempts without outcome, by deadline |
| `oh:{<day>}:failure:<reference>` | hash | one failure |
| `oh:{<day>}:failures[:<index>]` | sorted set | references of failures, by time |
| `oh:{<day>}:requests` | hash | by its name, what was requested, as many failures share it |
| `oh:{<day>}:version` | string | changes with every counter of the day below |
| `oh:{<day>}:counts` | hash | how many failures are of one `cause profile status stage[ client]` |
| `oh:{<day>}:groups` | hash | how many are of one `fingerprint cause profile status` |
| `oh:{<day>}:scopes` | hash | how many are about one `scope profile` |
| `oh:{<day>}:names` | hash | the scopes of each fingerprint |
| `oh:{<day>}:attempts` | hash | how many have `begun <profile>`, and `connected <profile>` |
| `oh:{<day>}:recovered` | hash | by reference, `<seconds> <profile>` until the account connected |
| `oh:days` | sorted set | the days that hold failures |
| `oh:feed` | stream | the references of failures that are new or have changed, the latest |
| `oh:people:<fingerprint>`, `oh:accounts:<fingerprint>` | HyperLogLog | whom a group affects |
| `oh:last_success_of:<browser_id>:<profile>` | string | when and with which attempt somebody last connected |
| `oh:connection:<id>` | hash | one connection, its tokens sealed |
| `oh:connections` | sorted set | ids of connections, by time |
| `oh:connections:<hub id>` | set | ids of the connections of one account |
| `oh:refreshing:<id>` | string | `turn <owner>`, or after a failure `note <reference> <what>` |
| `oh:refresh-failed:<reference>:<cause>` | string | the failure that stands for all of a day |
| `oh:code:<hash>` | string | what a code of the proxy stands for, sealed |
| `oh:used:<hash>` | string | `<mark> <client> <grant>`: who has used a code, and for what |
| `oh:grant:<reference>` | hash | the refresh tokens of a public client; that they are `withdrawn` |
| `oh:worked:<fingerprint>` | string | when a request of this kind last connected somebody |
| `oh:staff:<hash>` | hash | the sessions of one member of the staff, and since when |
| `oh:deed:<name>` | string | what was done to many failures at once, to be undone |
| `oh:limit:<who and what>` | string | requests of a minute, as the library `limits` counts them |
| `oh:sandbox:<key>` | string | what the built-in sandbox remembers |

`<day>` is the day (UTC) on which the attempt began, which its reference tells. In braces it is the
hash tag: on a Cluster all keys of one record share a slot, so that one script writes record and
indexes together; a tag a day spreads the days over the nodes, and a whole day expires at once.
"""

from __future__ import annotations

from datetime import date

from oauth_helper.common.references import day_of

DAYS = "oh:days"
CONNECTIONS = "oh:connections"
FEED = "oh:feed"

#: What the keys of `limits` begin with.
LIMITS = "oh:limit"

#: Keys of a day.
COUNTS, GROUPS, SCOPES, NAMES = "counts", "groups", "scopes", "names"
REQUESTS, VERSION = "requests", "version"
ATTEMPTS, RECOVERED = "attempts", "recovered"


def attempt(reference: str) -> str:
    """The hash of one attempt."""
    return f"oh:{{{day_of(reference)}}}:attempt:{reference}"


def open_attempts(day: date) -> str:
    """The sorted set of the day's attempts that have no outcome yet."""
    return f"oh:{{{day}}}:open"


def failure(reference: str) -> str:
    """The hash of one failure."""
    return f"oh:{{{day_of(reference)}}}:failure:{reference}"


def failures(day: date, index: str = "") -> str:
    """The sorted set of the day's failures: all, or those of one index such as `cause:unknown`."""
    return f"oh:{{{day}}}:failures:{index}" if index else f"oh:{{{day}}}:failures"


def of_day(day: date, name: str) -> str:
    """One of the day's keys that are named above."""
    return f"oh:{{{day}}}:{name}"


def affected(whom: str, fingerprint: str) -> str:
    """The `people` or `accounts` that failures of a fingerprint affect."""
    return f"oh:{whom}:{fingerprint}"


def last_success_of(browser_id: str, profile: str) -> str:
    """That somebody has connected a profile."""
    return f"oh:came:{browser_id}:{profile}"


def connection(connection_id: str) -> str:
    """The hash of one connection."""
    return f"oh:connection:{connection_id}"


def connections_of(hub_id: int) -> str:
    """The set of one account's connections."""
    return f"oh:connections:{hub_id}"


def refreshing(connection_id: str) -> str:
    """Whose turn it is to refresh a connection's tokens, or how that failed a moment ago."""
    return f"oh:refreshing:{connection_id}"


def refresh_failed(connection: str, cause: str) -> str:
    """The failure that was recorded when a connection, by its reference, failed for a cause."""
    return f"oh:refresh-failed:{connection}:{cause}"


def code(hashed: str) -> str:
    """What a code of the proxy stands for."""
    return f"oh:code:{hashed}"


def used_code(hashed: str) -> str:
    """That a code was used."""
    return f"oh:used:{hashed}"


def grant(reference: str) -> str:
    """What has become of the refresh tokens of one grant."""
    return f"oh:grant:{reference}"


def worked(fingerprint: str) -> str:
    """That a request of this fingerprint has connected somebody."""
    return f"oh:worked:{fingerprint}"


def deed(name: str) -> str:
    """What somebody did to many failures at once."""
    return f"oh:deed:{name}"


def sandbox(key: str) -> str:
    """One thing that the sandbox remembers."""
    return f"oh:sandbox:{key}"
