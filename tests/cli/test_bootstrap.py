import json
import stat
import threading

import pytest
from pydantic import SecretStr
from werkzeug.security import check_password_hash

from oauth_helper.cli.bootstrap import (
    KeyFileError,
    NoStaffError,
    hash_password,
    with_secret_key,
    with_support_user,
)
from oauth_helper.cli.serve import _welcome
from oauth_helper.config.settings import Settings, SupportUser


@pytest.fixture
def config(tmp_path):
    return Settings.from_environ({"DATA_DIR": str(tmp_path / "data" / "here")})


def test_a_key_is_made_once_and_kept_for_its_owner_only(config):
    (key,) = with_secret_key(config).secret_keys
    assert len(key.get_secret_value()) >= 32
    path = config.data_dir / "secret_key"
    assert path.read_text() == key.get_secret_value() + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert with_secret_key(config).secret_keys == (key,)
    assert [each.name for each in config.data_dir.iterdir()] == ["secret_key"]


def test_two_folders_have_two_keys(config, tmp_path):
    other = config.model_copy(update={"data_dir": tmp_path / "other"})
    assert with_secret_key(config).secret_keys != with_secret_key(other).secret_keys


def test_a_key_of_the_settings_is_used_as_it_is(config):
    given = config.model_copy(update={"secret_keys": (SecretStr("k" * 32), SecretStr("o" * 32))})
    assert with_secret_key(given) is given
    assert not config.data_dir.exists()


def test_programs_that_start_at_once_have_the_same_key(config, tmp_path):
    for number in range(20):
        starting = config.model_copy(update={"data_dir": tmp_path / str(number)})
        barrier = threading.Barrier(4)
        keys = []

        def start(starting=starting, barrier=barrier, keys=keys):
            barrier.wait()
            try:
                keys.append(with_secret_key(starting).secret_keys)
            except KeyFileError as error:
                keys.append(str(error))

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert keys == [with_secret_key(starting).secret_keys] * 4


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"short", b"\xff" * 64], ids=["empty", "blank", "short", "binary"]
)
def test_a_file_that_holds_no_key_is_left_alone(config, content):
    path = config.data_dir / "secret_key"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"DATA_DIR: .*secret_key has no key; delete it"):
        with_secret_key(config)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606])
def test_a_key_that_others_can_read_or_write_is_refused(config, mode):
    with_secret_key(config)
    path = config.data_dir / "secret_key"
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        with_secret_key(config)


def test_a_folder_that_cannot_be_made_is_named(config, tmp_path):
    (tmp_path / "file").write_text("")
    blocked = config.model_copy(update={"data_dir": tmp_path / "file" / "data"})
    with pytest.raises(KeyFileError, match=r"DATA_DIR: can't use .*secret_key: Not a directory"):
        with_secret_key(blocked)


def test_a_folder_in_its_place_is_named(config):
    (config.data_dir / "secret_key").mkdir(0o700, parents=True)
    with pytest.raises(KeyFileError, match=r"can't use .*secret_key: Is a directory"):
        with_secret_key(config)


def test_somebody_can_sign_in_at_first(config):
    made, password = with_support_user(config)
    (user,) = made.support_users
    assert (user.name, user.role) == ("support", "agent")
    assert password is not None
    assert len(password) >= 16
    assert check_password_hash(user.password_hash.get_secret_value(), password)
    assert not check_password_hash(user.password_hash.get_secret_value(), password + "x")
    assert password not in repr(made)
    path = config.data_dir / "support_password"
    assert path.stat().st_mode & 0o777 == 0o600
    assert with_support_user(config) == (made, password)
    path.unlink()
    assert with_support_user(config)[1] != password


@pytest.mark.parametrize("content", ["", "password\n", "password\nhash\n", "a b c\n"])
def test_a_password_file_that_is_damaged_is_named(config, content):
    path = config.data_dir / "support_password"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"support_password has no password; delete it"):
        with_support_user(config)


def test_with_a_real_app_a_password_must_be_set(tmp_path):
    real = {"HUBSPOT_CLIENT_ID": "x", "HUBSPOT_CLIENT_SECRET": "y", "DATA_DIR": str(tmp_path)}
    with pytest.raises(NoStaffError, match="SUPPORT_USERS or OIDC_ISSUER must be set"):
        with_support_user(Settings.from_environ(real))
    assert not list(tmp_path.iterdir())


def test_the_banner_in_json_has_no_password(config):
    _, password = with_support_user(config)
    text = _welcome(config, password)
    assert f"password: {password}" in text
    line = json.loads(_welcome(config.model_copy(update={"log_format": "json"}), password))
    assert line["event"] == "ready"
    assert line["sandbox"] is True
    assert line["support_password_file"] == str(config.data_dir / "support_password")
    assert password not in str(line)


def test_support_users_of_the_settings_are_kept(config):
    given = config.model_copy(
        update={"support_users": (SupportUser("ann", SecretStr("hash"), "viewer"),)}
    )
    assert with_support_user(given) == (given, None)


def test_a_hash_is_slow_salted_and_can_be_given_as_a_setting():
    hashed = hash_password("pass word")
    assert hashed.startswith("scrypt:")
    assert "pass word" not in hashed
    assert hashed != hash_password("pass word")
    assert check_password_hash(hashed, "pass word")
    (user,) = Settings.from_environ({"SUPPORT_USERS": f"ann:{hashed}"}).support_users
    assert user.password_hash == SecretStr(hashed)
