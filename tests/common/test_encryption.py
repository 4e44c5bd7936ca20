import base64
import hashlib
import hmac
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import make_dataclass

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.common.encryption import DecryptionError, Encryptor, derive_key

OLD, NEW = SecretStr("o" * 32), SecretStr("n" * 32)


@given(st.binary(max_size=2000))
@settings(max_examples=100)
def test_what_is_sealed_opens_and_does_not_show(plain):
    encryptor = Encryptor([NEW], purpose="tests")
    encrypted = encryptor.encrypt(plain)
    assert encryptor.decrypt(encrypted) == plain
    assert len(plain) < 4 or plain not in base64.urlsafe_b64decode(encrypted)
    assert encrypted.isascii()
    assert encrypted != encryptor.encrypt(plain), "the same twice does not look the same"


@pytest.mark.parametrize(
    ("keys", "opens"),
    [
        pytest.param([OLD], True, id="same"),
        pytest.param([NEW, OLD], True, id="rotated"),
        pytest.param([OLD, NEW], True, id="the-other-way-round"),
        pytest.param([NEW], False, id="retired"),
    ],
)
def test_which_keys_open(keys, opens):
    encrypted = Encryptor([OLD], purpose="tests").encrypt(b"plain")
    encryptor = Encryptor(keys, purpose="tests")
    if opens:
        assert encryptor.decrypt(encrypted) == b"plain"
    else:
        with pytest.raises(DecryptionError):
            encryptor.decrypt(encrypted)


def test_the_newest_key_seals():
    encrypted = Encryptor([NEW, OLD], purpose="tests").encrypt(b"plain")
    assert Encryptor([NEW], purpose="tests").decrypt(encrypted) == b"plain"
    with pytest.raises(DecryptionError):
        Encryptor([OLD], purpose="tests").decrypt(encrypted)


def test_another_purpose_does_not_open():
    encrypted = Encryptor([NEW], purpose="tokens").encrypt(b"plain")
    with pytest.raises(DecryptionError):
        Encryptor([NEW], purpose="cookies").decrypt(encrypted)


def test_every_altered_byte_is_noticed():
    encryptor = Encryptor([NEW], purpose="tests")
    encrypted = encryptor.encrypt(b"plain")
    raw = base64.urlsafe_b64decode(encrypted)
    for place in range(len(raw)):
        altered = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(DecryptionError):
            encryptor.decrypt(base64.urlsafe_b64encode(altered))
        with pytest.raises(DecryptionError):
            encryptor.decrypt(base64.urlsafe_b64encode(raw[:place]))


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode(errors="replace"))
)
@settings(max_examples=200)
def test_anything_else_is_refused_in_one_way(encrypted):
    with pytest.raises(DecryptionError, match="cannot be opened"):
        Encryptor([NEW], purpose="tests").decrypt(encrypted)


def test_a_key_is_needed():
    with pytest.raises(ValueError, match="needs a key"):
        Encryptor([], purpose="tests")


def hkdf(secret, info):
    """HKDF-SHA256 of 32 bytes, straight from RFC 5869: one block, salt of zeros."""
    pseudorandom = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(pseudorandom, info + b"\x01", hashlib.sha256)


KNOWN = base64.urlsafe_b64encode(hkdf(b"k" * 32, b"oauth_helper tokens"))


def test_derived_keys_stay_the_same_and_differ_by_purpose_and_secret():
    # Another derivation would lock out what is stored; HKDF (RFC 5869) with SHA-256, no salt.
    assert derive_key(SecretStr("k" * 32), "tokens") == KNOWN
    keys = {derive_key(secret, purpose) for secret in (OLD, NEW) for purpose in ("a", "b")}
    assert len(keys) == 4
    assert all(Fernet(key) and len(base64.urlsafe_b64decode(key)) == 32 for key in keys)


def test_threads_that_read_a_type_for_the_first_time_crash_nothing():
    encryptor = Encryptor([SecretStr("k" * 40)], purpose="x")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            inner = make_dataclass("Inner", [("a", str), ("b", tuple[str, ...])])
            kind = make_dataclass("Kind", [*((f"f{n}", int) for n in range(10)), ("i", inner)])
            value = kind(*range(10), inner("x", ("y",)))
            text = encryptor.encrypt_value(value)
            with ThreadPoolExecutor(16) as pool:
                read = list(pool.map(lambda _: encryptor.decrypt_value(text, kind), range(16)))  # noqa: B023
            assert read == [value] * 16
    finally:
        sys.setswitchinterval(before)
