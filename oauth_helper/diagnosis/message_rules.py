"""Which words of the token endpoint, of the API and of other programs mean which causes.

HubSpot's own pages are in `error_pages.py`. The patterns are looked for in folded text: small
letters without accents, straight quotation marks, single blanks. They hold no nested repeats, so
that no text makes them slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from oauth_helper.diagnosis.causes import Cause, Stage


@dataclass(frozen=True, slots=True)
class MessageRule:
    """A folded text in which `pattern` is found means `causes`; `name` is what staff call it.

    A rule with `stages` holds at those only. One that `captures` holds where a group of its pattern
    found something, which becomes the detail. `situation` is that of the likeliest cause.
    """

    name: str
    causes: tuple[Cause, ...]
    pattern: re.Pattern[str]
    stages: tuple[Stage, ...] = tuple(Stage)
    situation: str = ""
    captures: bool = False


def _rule(
    name: str,
    causes: tuple[Cause, ...],
    *patterns: str,
    stages: tuple[Stage, ...] = tuple(Stage),
    situation: str = "",
    captures: bool = False,
) -> MessageRule:
    return MessageRule(name, causes, re.compile("|".join(patterns)), stages, situation, captures)


#: What a mismatch between the link and the app may be.
MISMATCH = (
    Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
    Cause.SCOPE_IN_WRONG_PARAMETER,
    Cause.MISSING_OAUTH_SCOPE,
)
_LACKS_SCOPE = (Cause.TOKEN_LACKS_SCOPE, Cause.ACCOUNT_LACKS_FEATURE, Cause.DEPRECATED_SCOPE)

#: The token endpoint's and the API's own words: they are exact, and the first that fits decides.
EXACT: tuple[MessageRule, ...] = (
    # HGData/mk-node-hubspot#87, #64; postmanlabs/postman-app-support#3655; airbytehq/airbyte#79592
    _rule(
        "BAD_REFRESH_TOKEN",
        (Cause.REFRESH_TOKEN_INVALID, Cause.CLIENT_ID_INVALID),
        "bad_refresh_token",
        "(missing or )?invalid refresh token",
        r"refresh[ _]token .{0,20}(invalid|expired|revoked|(not|n't|no longer) valid|unknown)",
        # RFC 7662 section 2.2
        r"\bactive['\"]? ?[:=] ?false",
    ),
    _rule(
        "BAD_CLIENT_SECRET",
        (Cause.CLIENT_SECRET_INVALID,),
        "bad_client_secret",
        r"(invalid|unknown|incorrect|wrong) client[ _]secret",
        r"client[ _]secret .{0,20}(invalid|incorrect|wrong|not match|n't match|not valid)",
    ),
    _rule(
        "BAD_CLIENT_ID",
        (Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION),
        "bad_client_id",
        "unknown client id",
    ),
    _rule(
        "redirect URI that doesn't fit the code",
        (Cause.REDIRECT_URI_MISMATCH,),
        "mismatch_redirect_uri_auth_code",
        "bad_redirect_uri",
        r"redirect[ _]ur[il] .{0,20}match .{0,12}(auth|code)",
        situation="other_redirect_uri_than_before",
    ),
    _rule(
        "redirect URI that doesn't fit the code",
        (Cause.REDIRECT_URI_MISMATCH,),
        r"redirect[ _]ur[il] .{0,20}match",
        stages=(Stage.TOKEN,),
        situation="other_redirect_uri_than_before",
    ),
    # HubSpot/hubspot-api-python#115
    _rule(
        "BAD_AUTH_CODE",
        (Cause.CODE_EXPIRED_OR_REUSED,),
        "bad_auth_code",
        "expired_auth_code",
        "(missing or )?unknown auth code",
        r"\bauth(ori[sz]ation)? code .{0,20}(expired|invalid|used|redeemed|not valid|unknown)",
    ),
    # The code of a text message, or of an app that makes them, expires too: on HubSpot's pages.
    _rule(
        "a code that has expired or was used",
        (Cause.CODE_EXPIRED_OR_REUSED,),
        r"\bcode (has |was |is )?(already )?(been )?(expired|used|redeemed)",
        stages=(Stage.CALLBACK, Stage.TOKEN),
    ),
    _rule(
        "BAD_CODE_VERIFIER",
        (Cause.PKCE_MISMATCH,),
        "bad_code_verifier",
        r"code[ _]verifier",
        r"\bpkce\b",
    ),
    _rule(
        "BAD_GRANT_TYPE",
        (Cause.TOKEN_REQUEST_MALFORMED,),
        "bad_grant_type",
        r"unsupported[ _]grant[ _]type",
        r"(unknown|invalid|bad) grant[ _]type",
    ),
    _rule(
        "a token request that is not form-encoded",
        (Cause.TOKEN_REQUEST_MALFORMED,),
        "unsupported media type",
        r"\b415\b",
        stages=(Stage.TOKEN, Stage.REFRESH),
        situation="not_form_encoded",
    ),
    _rule("BAD_SCOPES", (Cause.INVALID_SCOPE_NAME, *MISMATCH), "bad_scopes"),
    # BAD_HUB, "missing or unknown hub id", with the error access_denied: a project's log, 2026-11
    _rule(
        "an account that no longer exists",
        (Cause.ACCOUNT_UNKNOWN,),
        "bad_hub",
        "unknown hub id",
        "not appear to exist in any",
    ),
    # HubSpot/hubspot-api-python#261
    _rule(
        "an account in another region",
        (Cause.WRONG_REGION,),
        r"(?:exist in hublet |correcthublet['\" :]{1,6})([a-z]{2}[0-9])\b",
        captures=True,
    ),
    _rule(
        "an account in another region",
        (Cause.WRONG_REGION,),
        "unknown to this hublet",
        "correcthublet",
        r"(account|portal|hub) .{0,30}(another|different|wrong) (region|hublet|data cent)",
    ),
    # HubSpot computes how long ago from a time that it reads in the value: 1970 when it has none.
    _rule(
        "a value that is no access token",
        (Cause.ACCESS_TOKEN_INVALID,),
        r"expired (36[6-9]|3[7-9]\d|[4-9]\d\d|\d{4,}) day",
        r"(access|oauth)[ _-]?token used .{0,30}\b(invalid|malformed|not valid)",
        r"expire time['\" :\[]{1,8}19",
    ),
    # ToolJet/ToolJet#17192, airbytehq/airbyte#62467
    _rule(
        "an expired access token",
        (Cause.TOKEN_EXPIRED, Cause.REFRESH_TOKEN_INVALID),
        "expired_authentication",
        "oauth token used to make this call expired",
        r"(access|oauth)[ _-]?token (has |is )?expired",
    ),
    # HubSpot/hubspot-api-nodejs#432, HubSpot/hubspot-api-python#132, hubspot-net/HubSpot.NET#131
    _rule(
        "a call without credentials",
        (Cause.ACCESS_TOKEN_MISSING, Cause.ACCESS_TOKEN_INVALID),
        "invalid_authentication",
        "authentication credentials (were |was )?(not|found|missing)",
        "authentication credentials are missing",
        r"\bhapikey\b",
        r"\bapi[ -]?keys? .{0,40}(no longer|not supported|deprecated|sunset|removed)",
    ),
    # vobiz-ai/Vobiz-HubSpot-Calling
    _rule(
        "a customer who may not install apps",
        (Cause.USER_LACKS_PERMISSION, Cause.ACCOUNT_LACKS_FEATURE),
        "problem fetching approvers",
        r"(right|correct|required) permissions? to (install|connect)",
        r"missing (these|the following) permissions",
    ),
    _rule(
        "a user without access to developer tools",
        (Cause.USER_LACKS_PERMISSION, Cause.ACCOUNT_LACKS_FEATURE),
        r"access to (the )?developer tools",
        situation="no_developer_tools",
    ),
    _rule(
        "a scope that is not available to the app",
        (Cause.ACCOUNT_LACKS_FEATURE, Cause.URL_REQUESTS_UNCONFIGURED_SCOPE),
        r"scopes? .{0,80}(isn'?t|is not|aren'?t|are not) available (to|for) (this|the|your) app",
        r"(doesn'?t|does not|don'?t|do not) have access to (this|the following|these) scopes?",
        situation="scope_not_for_app",
    ),
    # RFC 7591
    _rule(
        "a client that tried to register itself",
        (Cause.CLIENT_ID_INVALID,),
        r"dynamic client registration",
        "invalid_client_metadata",
        "registration_endpoint",
        situation="registers_itself",
    ),
    # PostHog/posthog#53339, PipedreamHQ/pipedream#2689, estuary/connectors#3522,
    # HubSpot/hubspot-api-nodejs#50
    _rule(
        "a call that needs another scope",
        _LACKS_SCOPE,
        r"missing_scopes\b",
        r"(has|have)n'?t been granted all required scopes",
        "not been granted all required scopes",
        "following scopes are required",
        "does not have proper permissions",
        "scope needed for this api call",
    ),
    _rule(
        "a call that needs another scope",
        _LACKS_SCOPE,
        "(one|any)( or more)? of( the)?( following)? scopes",
        stages=(Stage.API,),
    ),
)

#: Signs that say something where nothing better is there; the first that fits decides.
WEAK: tuple[MessageRule, ...] = (
    _rule(
        "a refused consent",
        (Cause.USER_DENIED,),
        "access_denied",
        r"(user|you|owner) (has |have )?(denied|cancell?ed|declined|refused)",
        r"(cancell?ed|denied|declined) by (the )?user",
        r"(press|click|chose|choos|select|hit)(ed|en|ing|e|s)? .{0,12}\b(cancel|deny|decline)\b",
    ),
    _rule(
        "an answer that belongs to another attempt",
        (Cause.STATE_MISMATCH,),
        r"\bstate\b.{0,20} (mismatch|invalid|(does not|doesn'?t|did not|didn'?t) match|expired)",
        r"(invalid|mismatched|mismatching|unknown)[ _](oauth )?(authorization )?(request )?state\b",
        "invalidstateexception",
        r"\bstate (returned|received|sent back) .{0,30}(isn'?t|is not|was not|differ)",
        r"(verify|validate|match) .{0,30}\bstate\b",
        r"\b(oauth|param\w{2,6}) state\b|\bstate[ -](param|cookie)",
        r"\bcsrf(?![a-z])",
    ),
    _rule(
        "a window that was closed",
        (Cause.NEVER_RETURNED, Cause.USER_DENIED),
        r"(pop-?up|window)\b.{0,20} closed",
        r"\bclosed .{0,24}\b(pop-?up|window|tab)\b",
    ),
    _rule(
        "a page that doesn't lead back",
        (Cause.NEVER_RETURNED, Cause.USER_DENIED),
        r"\bno (callback|response|redirect|answer)\b.{0,12} (received|came|arrived|back)",
        r"\bnothing (ever )?(happen|c[oa]me)|rien ne se passe|passiert nichts|nichts passiert",
        r"no pasa nada|non succede (nulla|niente)|nada acontece|gebeurt (er )?niets",
        r"\b(keeps?|kept|just) (on )?(spinning|loading)|\bstuck (on|at|in)|\bblank page",
        r"(never|not|n't) .{0,12}\b(redirect|sen[dt]|return|le[da]d?).{0,8} back\b",
        stages=(Stage.AUTHORIZATION, Stage.CALLBACK),
    ),
    _rule(
        "too many requests",
        (Cause.RATE_LIMITED,),
        r"rate[ _]limit",
        r"\b429\b",
        "too many requests",
        r"(secondly|daily|rolling)[ _](rolling[ _])?limit",
        "ten_secondly_rolling",
    ),
    # RFC 6749 section 5.2
    _rule("invalid_scope", (Cause.INVALID_SCOPE_NAME, *MISMATCH), r"invalid_scope\b"),
    _rule(
        "invalid_client",
        (Cause.CLIENT_SECRET_INVALID, Cause.CLIENT_ID_INVALID),
        r"invalid_client\b",
        "client authentication failed",
    ),
    _rule(
        "invalid_grant",
        (Cause.REFRESH_TOKEN_INVALID, Cause.CLIENT_ID_INVALID),
        r"invalid_grant\b",
        stages=(Stage.REFRESH, Stage.API),
    ),
    _rule(
        "invalid_grant",
        (Cause.CODE_EXPIRED_OR_REUSED, Cause.REDIRECT_URI_MISMATCH, Cause.PKCE_MISMATCH),
        r"invalid_grant\b",
    ),
)

#: Signs that are left when nothing is known of the message: HTTP statuses and the like.
LAST: tuple[MessageRule, ...] = (
    # Sentences of HubSpot's pages, cut off before they say what is wrong
    _rule("the redirect URL", (Cause.REDIRECT_URI_MISMATCH,), r"failed as the redirect ur"),
    _rule("the app developer", (Cause.APP_BLOCKED,), r"installed because the app dev"),
    _rule("your account", (Cause.ACCOUNT_LACKS_FEATURE,), r"failed because your account\b"),
    _rule("this app hasn't been", (Cause.APP_NOT_APPROVED,), r"failed because this app has"),
    _rule("there is a mismatch", MISMATCH, r"failed because there is a\b"),
    _rule(
        "a connection that wasn't made",
        (Cause.HUBSPOT_UNAVAILABLE,),
        r"\b(ssl|tls)\W{0,2} ?(error|handshake|connection|certificate)|pkix path",
        r"certificate verif|certificateerror|local issuer|\bx509\b|self[- ]signed certificate",
        "proxy authentication required|tunnel connection failed|connect to proxy",
        "network is unreachable|no route to host",
    ),
    _rule("an account in another region", (Cause.WRONG_REGION,), r"\b488\b"),
    _rule(
        "a call that HubSpot forbids, as it does when a scope is missing",
        (
            Cause.TOKEN_LACKS_SCOPE,
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        ),
        r"\b403\b",
        "forbidden",
        r"(not|n't) have permission",
        stages=(Stage.API,),
    ),
    _rule(
        "a call without a token that is still valid",
        (Cause.TOKEN_EXPIRED, Cause.REFRESH_TOKEN_INVALID),
        r"token (has |is )?(been )?(expired|revoked|invalid)",
        r"\b401\b",
        "unauthori[sz]ed",
        stages=(Stage.API,),
    ),
    _rule(
        "a token request that HubSpot does not understand",
        (Cause.TOKEN_REQUEST_MALFORMED,),
        r"\b4(04|05)\b",
        stages=(Stage.TOKEN, Stage.REFRESH),
    ),
    _rule(
        "a token request that lacks something",
        (Cause.TOKEN_REQUEST_MALFORMED,),
        r"(missing|lacks?|no) (an? )?(required )?(form )?(parameter|param|field)\b",
        r"\b(parameter|field) .{0,40}\b(missing|required)\b",
        stages=(Stage.TOKEN, Stage.REFRESH),
    ),
    _rule(
        "a token request that is refused without a reason; most often it is the client secret",
        (
            Cause.CLIENT_SECRET_INVALID,
            Cause.CODE_EXPIRED_OR_REUSED,
            Cause.REDIRECT_URI_MISMATCH,
        ),
        r"\b40[01]\b",
        stages=(Stage.TOKEN,),
    ),
    _rule(
        "a refresh that is refused without a reason",
        (Cause.REFRESH_TOKEN_INVALID, Cause.CLIENT_SECRET_INVALID),
        r"token (has |is )?(been )?(expired|revoked|invalid)",
        r"\b40[01]\b",
        stages=(Stage.REFRESH,),
    ),
    _rule(
        "a server in trouble",
        (Cause.HUBSPOT_UNAVAILABLE,),
        r"(http|error|status|code|server)\W{1,3}5\d\d\b",
        r"(^|[-:>(,] ?)50[234]\b|(wrong|problem|error|issue) (on|at) (our|hubspot's) (end|side)",
        r"\b5\d\d (error|internal|server|bad|service|gateway|web)",
        r"bad gateway|gateway time-?out|temporarily unavailable|internal server error",
        "service unavailable",
        r"timed out|(?<![-_])time-?out\b|connection (was )?(reset|refused)|econnre|etimedout",
        r"\benotfound\b|\beai_again\b|getaddrinfo|name or service not known|resolve host",
        "max retries exceeded",
    ),
)
