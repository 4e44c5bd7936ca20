"""The JSON API that erases an account or a customer."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, abort

from oauth_helper.web.api.auth import authenticate
from oauth_helper.web.api.operation import operation
from oauth_helper.web.api.queries import ErasureQuery
from oauth_helper.web.api.schemas import ErasureJson
from oauth_helper.web.api.services import services
from oauth_helper.web.audit import audit
from oauth_helper.web.security import csrf

blueprint = Blueprint("api_erasure", __name__, url_prefix="/api/v1")
csrf.exempt(blueprint)  # no request is authenticated by a cookie

_UNKNOWN = "That is no account or customer"


blueprint.before_request(authenticate)


@blueprint.delete("/accounts/<hub_id>")
@operation("eraseAccount", "erase", {404: _UNKNOWN})
def erase_account(hub_id: str, query: ErasureQuery) -> ErasureJson:
    """Erase everything about an account, except for counters.

    The app stays installed in it: revoke its connections first to end them at HubSpot.
    """
    if not (hub_id.isascii() and hub_id.isdigit() and len(hub_id) < 16):
        abort(404, f"{_UNKNOWN}.")
    return _erase(query, account=int(hub_id))


@blueprint.delete("/customers/<customer>")
@operation("eraseCustomer", "erase", {404: _UNKNOWN})
def erase_customer(customer: str, query: ErasureQuery) -> ErasureJson:
    """Erase everything about a customer, except for counters.

    So are the failures of the customer's accounts, unless they name another customer.
    """
    if len(customer) > 80:
        abort(404, f"{_UNKNOWN}.")
    return _erase(query, customer=customer)


def _erase(query: ErasureQuery, *, account: int | None = None, customer: str = "") -> ErasureJson:
    is_dry = query.dry_run == "true"
    erased = services().erasure.erase(account=account, customer=customer, dry_run=is_dry)
    if not is_dry:
        # Not whose: nothing of them is left.
        audit("erase", detail=f"{erased.failures} failures, {erased.connections} connections")
    return ErasureJson(**asdict(erased), dry_run=is_dry)
