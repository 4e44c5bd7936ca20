from dataclasses import replace

import pytest

from oauth_helper.sandbox import MemoryState, Sandbox
from oauth_helper.sandbox.accounts import ACCOUNTS
from oauth_helper.scopes import AppConfiguration

FREE, STARTER, *_ = ACCOUNTS


def test_an_approval_is_for_one_account_and_ends_with_a_reset(shop):
    governed = replace(shop, governed=True)
    sandbox = Sandbox([governed], MemoryState())
    sandbox.approve("shop", FREE)
    assert not sandbox.seen_by(FREE, governed).governed
    assert sandbox.seen_by(STARTER, governed).governed
    sandbox.reset("shop")
    assert sandbox.seen_by(FREE, governed).governed


def test_an_edit_changes_neither_secret_nor_title_nor_another_app(sandbox, shop):
    other = sandbox.app("other")
    sandbox.edit(replace(shop, client_secret="new", title="New", link_valid=False))
    assert sandbox.app("shop") == replace(shop, link_valid=False)
    assert sandbox.app("other") == other


def test_two_sandboxes_can_share_a_state(shop):
    state = MemoryState()
    first, second = Sandbox([shop], state), Sandbox([shop], state)
    edited = replace(shop, configuration=AppConfiguration(optional=("tickets",)))
    first.edit(edited)
    assert second.app("shop") == edited


def test_a_secret_is_not_in_the_representation(shop):
    assert "sesame" not in repr(shop)


@pytest.mark.parametrize(
    ("redirect_uri", "expected"),
    [
        ("https://client.example/callback", True),
        ("http://localhost:1/x", True),
        ("https://localhost.evil.example/", False),
        ("https://localhost@evil.example/", False),
        ("https://evil.example/", False),
    ],
)
def test_where_the_browser_may_be_sent(sandbox, redirect_uri, expected):
    assert sandbox.may_redirect("shop", redirect_uri) is expected
    assert not sandbox.may_redirect("nobody", redirect_uri)
