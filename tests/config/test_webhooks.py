"""The settings of webhooks: which addresses, secrets and types are accepted."""

import base64

import pytest
from pydantic import SecretStr

from oauth_helper.config.settings import Settings, SettingsError

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def test_addresses_and_secrets_are_lists():
    config = Settings.from_environ(
        {"WEBHOOK_URL": "https://a.example/x, https://b.example", "WEBHOOK_SECRET": SECRET}
    )
    assert config.webhook_urls == (SecretStr("https://a.example/x"), SecretStr("https://b.example"))
    assert len(config.webhook_events) == 7
    assert SECRET not in repr(config)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"WEBHOOK_URL": "https://a.example"}, "WEBHOOK_SECRET is missing; WEBHOOK_URL is set"),
        ({"WEBHOOK_URL": "http://a.example"}, "WEBHOOK_URL number 1 must start with https://"),
        ({"WEBHOOK_URL": "https://a b"}, "WEBHOOK_URL number 1 is no web address"),
        ({"WEBHOOK_SECRET": "whsec_short"}, "WEBHOOK_SECRET number 1 must be whsec_"),
        ({"WEBHOOK_EVENTS": "failure.record"}, "did you mean failure.recorded?"),
        ({"WEBHOOK_ALLOW_PRIVATE": "yes"}, "WEBHOOK_ALLOW_PRIVATE must be on or off"),
    ],
)
def test_a_wrong_value_is_named(settings, problem):
    with pytest.raises(SettingsError) as error:
        Settings.from_environ(settings)
    assert problem in str(error.value)
