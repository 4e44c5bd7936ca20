"""Ways to end on HubSpot's own error pages, as a person with a browser meets them."""

import re


def tampered(**changes):
    def go(site, page):
        site.connect(page)
        address = page.url
        for name, value in changes.items():
            address = re.sub(rf"([?&]{name}=)[^&]*", rf"\g<1>{value}", address)
        page.goto(address)

    return go


def require_tickets(site, page):
    site.list_as(page, requiredScopes=["oauth", "crm.objects.contacts.read", "tickets"])
    site.connect(page)


def list_nothing_optional(site, page):
    site.list_as(page, optionalScopes=[])
    site.connect(page)


def list_contacts_as_optional(site, page):
    site.list_as(page, requiredScopes=["oauth"], optionalScopes=["crm.objects.contacts.read"])
    site.connect(page)


def require_what_a_free_account_lacks(site, page):
    names = ["oauth", "crm.objects.contacts.read", "automation"]
    site.list_as(page, requiredScopes=names)
    tampered(scope="%20".join(names), optional_scope="tickets")(site, page)
    site.agree(page, "Free test account")


def leave_the_policy_unsigned(site, page):
    site.set_state(page, "Acceptable use policy", checked=False)
    site.connect(page)


def let_the_link_die(site, page):
    site.set_state(page, "Install link valid", checked=False)
    site.connect(page)


def govern(site, page):
    site.set_state(page, "App Governance", checked=True)
    site.connect(page)
    site.agree(page)


def be_a_user_without_rights(site, page):
    site.connect(page)
    page.get_by_role("radio", name="may not install apps").check()
    page.get_by_role("button", name="Connect app").click()
