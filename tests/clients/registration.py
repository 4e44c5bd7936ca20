"""How the clients under test are registered, and what each gets to know of that."""

from dataclasses import dataclass

ID, NAME = "flow-tool", "Flow Tool"
# Before these people are sent to HubSpot, the helper asks them.
ID_ASKING, NAME_ASKING = "flow-tool.asking", "Flow Tool that asks"
SCOPE = "crm.objects.contacts.read tickets"
# Characters that libraries write in different ways when they are in the Authorization header.
SECRET = "canary-flow_tool.secret~0+1/2=3"


@dataclass(frozen=True)
class Registration:
    """What a client's developer copies from the operator."""

    issuer: str
    client_id: str
    client_secret: str
    scope: str = SCOPE
