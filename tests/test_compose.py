"""The compose file, as far as it can be looked at without an engine."""

import pytest
import yaml
from paths import ROOT

from oauth_helper.config.settings import SETTINGS, Settings

FILE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(FILE.read_text("utf-8"))["services"]


def test_what_it_sets_are_settings(services):
    assert services["app"]["environment"].keys() <= {setting.name for setting in SETTINGS}


@pytest.mark.parametrize("profile", ["", "cluster"])
def test_the_store_that_is_named_is_started(services, profile):
    text = FILE.read_text("utf-8")
    if profile:
        (address,) = {
            line.partition("STORE_URL=")[2].rstrip(" \\")
            for line in text.splitlines()
            if "STORE_URL=" in line
        }
    else:
        address = services["app"]["environment"]["REDIS_URL"].partition(":-")[2].rstrip("}")
    config = Settings.from_environ({"REDIS_URL": address, "SECRET_KEY": "k" * 32})
    assert config.redis_url.get_secret_value() == address
    hosts = [host.partition(":")[0] for host in address.partition("://")[2].split(",")]
    started = {
        name for name, service in services.items() if profile in service.get("profiles", [""])
    }
    assert set(hosts) <= started


def test_each_node_has_its_own_data_and_is_joined(services):
    nodes = {name: each for name, each in services.items() if name.startswith("node-")}
    assert len(nodes) == 6
    assert len({each["volumes"][0] for each in nodes.values()}) == 6
    joined = services["join"]["command"][-1]
    assert all(f"{name}:6379" in joined for name in nodes)
    assert services["join"]["depends_on"].keys() == nodes.keys()
