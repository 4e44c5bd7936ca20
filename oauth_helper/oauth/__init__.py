"""Play both OAuth roles: `client` towards HubSpot, `server` towards proxy clients. No HTTP here."""
