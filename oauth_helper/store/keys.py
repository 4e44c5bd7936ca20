"""Every key in Redis.

| key | type | holds |
|---|---|---|
| `oh:{<day>}:attempt:<reference>` | hash | one attempt |
| `oh:{<day>}:recorded:<network>:<profile>` | set | a network's attempts within its budget |
| `oh:{<day>}:open` | sorted set | attempts without outcome, by deadline |
| `oh:{<day>}:failure:<reference>` | hash | one failure |
| `oh:{<day>}:failures[:<index>]` | sorted set | references of failures, by time |
| `oh:{<day>}:requests` | hash | the scopes of each kind of request, which many attempts share |
| `oh:{<day>}:diagnoses` | hash | the possible causes that many failures share |
| `oh:{<day>}:version` | string | changes with every counter of the day below |
| `oh:{<day>}:counts` | hash | number of failures per `cause profile status stage[ client]` |
| `oh:{<day>}:groups` | hash | number of failures per `fingerprint cause profile status` |
| `oh:{<day>}:scopes` | hash | number of failures per `scope profile` |
| `oh:{<day>}:names` | hash | the scopes of each fingerprint |
| `oh:{<day>}:attempts` | hash | number of attempts: `begun <profile>`, `connected`, `unrecorded` |
| `oh:{<day>}:recovered` | hash | by reference, `<seconds> <profile>` until the account connected |
| `oh:{<day>}:attempts-of:<hash>` | set | references of the attempts of one customer |
| `oh:days` | sorted set | the days that hold failures |
| `oh:feed` | stream | references of the latest new and changed failures |
| `oh:people:<fingerprint>` | HyperLogLog | the browsers that a group affects |
| `oh:accounts:<fingerprint>` | HyperLogLog | the accounts that a group affects |
| `oh:unresolved:<browser or hub id>:<profile>` | sorted set | what a success resolves |
| `oh:came:<browser id>:<profile>` | string | when a browser last connected, and by which attempt |
| `oh:worked:<fingerprint>` | string | when a request of this kind last connected an account |
| `oh:connection:<id>` | hash | one connection, its tokens encrypted |
| `oh:connections` | sorted set | ids of connections, by time |
| `oh:connections:<hub id>` | set | ids of the connections of one account |
| `oh:connections-of:<hash>` | set | ids of the connections of one customer |
| `oh:{granted:<profile>}` | hash | name of the set of scopes that each connection was granted |
| `oh:{granted:<profile>}:sets` | hash | these sets, by name |
| `oh:{granted:<profile>}:<name>` | sorted set | ids of the connections with this set, by time |
| `oh:indexed` | string | until the next look for connections that are in no such set |
| `oh:checking` | string | exists until the next connection is checked |
| `oh:checked` | string | the place in the list of connections to check next |
| `oh:refreshing:<id>` | string | a lock, `turn <owner>`, or `note <reference> <failure>` |
| `oh:refresh-failed:<reference>:<cause>` | string | the reference of the first failure of a day |
| `oh:{<hash>}:code` | string | what an authorization code stands for, encrypted |
| `oh:{<hash>}:redeeming` | string | exists while a request redeems the code |
| `oh:{<hash>}:used` | string | `<client> <grant>`: who redeemed the code, for which grant |
| `oh:install:<hash>` | string | the attempt that brought a code from the Marketplace |
| `oh:grant:<reference>` | hash | generation of a client's refresh tokens; `withdrawn` if revoked |
| `oh:{webhooks}:events` | stream | webhook events to distribute to the addresses |
| `oh:{webhooks}:<address>:due` | sorted set | records with events to send to an address, by time |
| `oh:{webhooks}:<address>:queue:<record>` | list | the events of one record, oldest first |
| `oh:{webhooks}:<address>:parked` | sorted set | records whose event was rejected for a day |
| `oh:{webhooks}:<address>:tries`, `:reasons` | hash | by record, how often and why sending failed |
| `oh:{webhooks}:<address>:size` | string | number of queued events |
| `oh:{webhooks}:groups:state:<fingerprint>` | string | what people know about a group |
| `oh:{webhooks}:groups:started` | string | number of new groups that people heard of in an hour |
| `oh:link:<id>` | hash | a connect link, encrypted; `withdrawn`; its `connection` and `reference` |
| `oh:audit:<day>` | stream | who did what on a day |
| `oh:audited:<hash>` | string | an action that strangers may repeat was just added |
| `oh:api-token-uses` | hash | when each named token of the API was last used |
| `oh:links` | sorted set | ids of connect links, by time |
| `oh:staff:<hash>` | hash | the sessions of one staff member, with their starts |
| `oh:deed:<name>` | string | a bulk action, for undo |
| `oh:limit:<network>/<view>` | string | requests in a minute; of starts `oh:{<day>}:limit:…` |
| `oh:sandbox:<key>` | string | the state of the built-in sandbox |

`<day>` is the day (UTC) on which the attempt started; its reference contains the day. The braces
mark the hash tag: on a Cluster all keys of a record share a slot, so that one script writes record
and indexes together. One tag per day spreads the days over the nodes, and a day expires as a whole.
"""

from __future__ import annotations

import hashlib
from datetime import date

from oauth_helper.common.references import day_of

DAYS = "oh:days"
CONNECTIONS = "oh:connections"
INDEXED = "oh:indexed"
CHECKING, CHECKED = "oh:checking", "oh:checked"
FEED = "oh:feed"
LINKS = "oh:links"
TOKEN_USES = "oh:api-token-uses"  # noqa: S105 - a key
WEBHOOK_EVENTS = "oh:{webhooks}:events"

#: Seconds for which a connect link is known: 30 days until it expires, and 30 days more.
LINK_KEPT = 60 * 86_400

#: Names for `of_day`.
COUNTS, GROUPS, SCOPES, NAMES = "counts", "groups", "scopes", "names"
REQUESTS, DIAGNOSES, VERSION = "requests", "diagnoses", "version"
ATTEMPTS, RECOVERED = "attempts", "recovered"


def of_attempt(reference: str) -> list[str]:
    """Return the keys of an attempt: it, the open ones, counters, failure, requested scopes."""
    day = f"oh:{{{day_of(reference)}}}:"
    return [
        f"{day}attempt:{reference}",
        f"{day}open",
        f"{day}{ATTEMPTS}",
        f"{day}failure:{reference}",
        f"{day}{REQUESTS}",
    ]


def limit(name: str) -> str:
    """Return the key of a count for a rate limit."""
    return f"oh:limit:{name}"


def limit_of_starts(reference: str, name: str) -> str:
    """Return the same for a start, in the slot of its attempt."""
    return f"oh:{{{day_of(reference)}}}:limit:{name}"


def attempt(reference: str) -> str:
    """Return the key of one attempt."""
    return f"oh:{{{day_of(reference)}}}:attempt:{reference}"


def attempts_of(day: date, customer: str) -> str:
    """Return the key of one customer's attempts of a day."""
    return f"oh:{{{day}}}:attempts-of:{_hashed(customer)}"


def open_attempts(day: date) -> str:
    """Return the key of the day's attempts without outcome."""
    return f"oh:{{{day}}}:open"


def recorded_of(day: date, sender: str, profile: str) -> str:
    """Return the key of the day's attempts of a network and profile that are recorded."""
    return f"oh:{{{day}}}:recorded:{sender}:{profile}"


def failure(reference: str) -> str:
    """Return the key of one failure."""
    return f"oh:{{{day_of(reference)}}}:failure:{reference}"


def failures(day: date, index: str = "") -> str:
    """Return the key of the day's failures: all, or those in an index such as `cause:unknown`."""
    return f"oh:{{{day}}}:failures:{index}" if index else f"oh:{{{day}}}:failures"


def of_day(day: date, name: str) -> str:
    """Return the key of one of the hashes of a day, or of its version."""
    return f"oh:{{{day}}}:{name}"


def affected(whom: str, fingerprint: str) -> str:
    """Return the key of the `people` or `accounts` that a group affects."""
    return f"oh:{whom}:{fingerprint}"


def unresolved(whom: str | int, profile: str) -> str:
    """Return the key of the failures that a success of a browser or an account resolves."""
    return f"oh:unresolved:{whom}:{profile}"


def last_success_of(browser_id: str, profile: str) -> str:
    """Return the key of a browser's last success with a profile."""
    return f"oh:came:{browser_id}:{profile}"


def succeeded(fingerprint: str) -> str:
    """Return the key of the last success of a kind of request."""
    return f"oh:worked:{fingerprint}"


def connection(connection_id: str) -> str:
    """Return the key of one connection."""
    return f"oh:connection:{connection_id}"


def connections_of(hub_id: int) -> str:
    """Return the key of one account's connections."""
    return f"oh:connections:{hub_id}"


def connections_of_customer(customer: str) -> str:
    """Return the key of one customer's connections."""
    return f"oh:connections-of:{_hashed(customer)}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def granted(profile: str) -> str:
    """Return the key of what a profile's connections were granted."""
    return f"oh:{{granted:{profile}}}"


def refresh_lock(connection_id: str) -> str:
    """Return the key of the lock for the refresh of a connection."""
    return f"oh:refreshing:{connection_id}"


def refresh_failed(connection: str, cause: str) -> str:
    """Return the key of the first failure of a day, for a connection by its reference."""
    return f"oh:refresh-failed:{connection}:{cause}"


def install(hashed: str) -> str:
    """Return the key of the first attempt with a code from the Marketplace."""
    return f"oh:install:{hashed}"


def code(hashed: str) -> str:
    """Return the key of an authorization code."""
    return f"oh:{{{hashed}}}:code"


def redeeming(hashed: str) -> str:
    """Return the key of the lock of an authorization code."""
    return f"oh:{{{hashed}}}:redeeming"


def used_code(hashed: str) -> str:
    """Return the key of a used authorization code."""
    return f"oh:{{{hashed}}}:used"


def grant(reference: str) -> str:
    """Return the key of a client's grant."""
    return f"oh:grant:{reference}"


def webhook(address: str, name: str) -> str:
    """Return the key of one part of an address's queue."""
    return f"oh:{{webhooks}}:{address}:{name}"


def link(link_id: str) -> str:
    """Return the key of a connect link."""
    return f"oh:link:{link_id}"


def audit(day: date) -> str:
    """Return the key of what was done on a day."""
    return f"oh:audit:{day}"


def audited(hashed: str) -> str:
    """Return the key that says that a repeated action was just added to the audit log."""
    return f"oh:audited:{hashed}"


def staff_sessions(hashed: str) -> str:
    """Return the key of one staff member's sessions."""
    return f"oh:staff:{hashed}"


def bulk_action(name: str) -> str:
    """Return the key of a bulk action."""
    return f"oh:deed:{name}"


def sandbox(key: str) -> str:
    """Return the key of one part of the sandbox's state."""
    return f"oh:sandbox:{key}"
