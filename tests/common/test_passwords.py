"""Passwords are checked a few at a time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.security import generate_password_hash

from oauth_helper.common import passwords
from oauth_helper.common.passwords import TooManyChecksError, check_password

HASH = generate_password_hash("right", "scrypt:16384:8:1")


def test_right_and_wrong():
    assert check_password(HASH, "right")
    assert not check_password(HASH, "wrong")


def test_of_a_flood_most_are_turned_away_and_the_next_is_served():
    def check(_number):
        try:
            return check_password(HASH, "wrong")
        except TooManyChecksError:
            return None

    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(check, range(64)))
    assert found.count(False) >= 2
    assert None in found
    assert check_password(HASH, "right")


def test_a_turn_is_waited_for_briefly(monkeypatch):
    monkeypatch.setattr(passwords, "_TURN_TIMEOUT", 0.01)
    with passwords._turns, passwords._turns, pytest.raises(TooManyChecksError):
        check_password(HASH, "right")
    assert check_password(HASH, "right")
