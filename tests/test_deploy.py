"""The files in `deploy/`, as far as they can be looked at without an engine or a cluster."""

import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from dotenv import dotenv_values
from paths import ROOT

from oauth_helper import __version__
from oauth_helper.config.settings import SETTINGS, Settings

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
NAMES = {setting.name for setting in SETTINGS}
HOME = "/opt/oauth_helper/.venv/bin/python"


def read(path: Path):
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def compose():
    return read(DEPLOY / "compose.https.yml")


def test_the_instances_behind_caddy_differ_only_in_their_data(compose):
    services = compose["services"]
    one, two = (dict(services[name]) for name in ("app-1", "app-2"))
    assert one.pop("volumes") != two.pop("volumes")
    assert one == two
    assert one["environment"].keys() <= NAMES
    assert "ports" not in one
    instances = services["caddy"]["environment"]["INSTANCES"].split()
    assert instances == ["app-1:8000", "app-2:8000"]
    used = {each.split(":")[0] for name in services for each in services[name]["volumes"]}
    assert used == compose["volumes"].keys() | {"./Caddyfile"}


def test_the_compose_file_makes_valid_settings(compose):
    given = {"DOMAIN": "connect.example.com", "SECRET_KEY": "k" * 32}
    environ = {
        name: re.sub(r"\$\{(\w+):\?.*?\}", lambda found: given[found[1]], value)
        for name, value in compose["services"]["app-1"]["environment"].items()
    }
    config = Settings.from_environ(environ)
    assert config.public_url == "https://connect.example.com"
    assert config.trusted_proxies == 1


@pytest.fixture(scope="module")
def resources():
    return [
        read(KUBERNETES / name) for name in read(KUBERNETES / "kustomization.yaml")["resources"]
    ]


def test_each_manifest_fits_its_schema(resources):
    for resource in resources:
        kubernetes_validate.validate(resource, "1.31", strict=True)
    broken = {**resources[1], "spec": {**resources[1]["spec"], "replicas": "two"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.31", strict=True)


def test_the_manifests_name_each_other(resources):
    by_kind = {each["kind"]: each for each in resources}
    assert len(by_kind) == len(resources)
    deployment = by_kind["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["replicas"] == 2
    assert deployment["selector"]["matchLabels"] == labels
    assert by_kind["Service"]["spec"]["selector"] == labels
    for kind, selector in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert by_kind[kind]["spec"][selector]["matchLabels"] == labels
    (container,) = deployment["template"]["spec"]["containers"]
    (rule,) = by_kind["Ingress"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"]["name"] == by_kind["Service"]["metadata"]["name"]
    (port,) = container["ports"]
    assert by_kind["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    kustomization = read(KUBERNETES / "kustomization.yaml")
    (image,) = kustomization["images"]
    assert image["name"] == container["image"]
    assert image["newTag"] == __version__
    generated = {
        kustomization[kind][0]["name"] for kind in ("configMapGenerator", "secretGenerator")
    }
    assert {next(iter(each.values()))["name"] for each in container["envFrom"]} == generated


def test_what_the_manifests_set_are_settings(resources):
    settings, secrets = (
        dotenv_values(KUBERNETES / f"{name}.env.example") for name in ("settings", "secrets")
    )
    (deployment,) = (each for each in resources if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    own = {each["name"]: each["value"] for each in container["env"]}
    assert {*settings, *secrets, *own} <= NAMES
    config = Settings.from_environ({**settings, **secrets, **own})
    assert config.redis_url.get_secret_value().startswith("rediss://")


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on every machine")
def test_kustomize_builds_them(tmp_path):
    shutil.copytree(KUBERNETES, tmp_path, dirs_exist_ok=True)
    for name in ("settings", "secrets"):
        (tmp_path / f"{name}.env.example").rename(tmp_path / f"{name}.env")
    command = ["kubectl", "kustomize", str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert f"ghcr.io/example/oauth_helper:{__version__}" in built
    assert built.count("namespace: oauth-helper") == 7


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_the_unit_is_one_and_is_hardened(tmp_path):
    text = (DEPLOY / "oauth_helper.service").read_text("utf-8")
    assert HOME in text
    unit = tmp_path / "oauth_helper.service"
    # What `verify` looks for on this machine: the program, and the user.
    unit.write_text(text.replace(HOME, shutil.which("python3")).replace("=oauth_helper", "=daemon"))
    for arguments in (("verify",), ("security", "--offline=true", "--threshold=20")):
        command = ["systemd-analyze", *arguments, str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("caddy"), reason="Caddy is not on every machine")
def test_the_caddyfile_is_one():
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"]
    environ = {"DOMAIN": "connect.example.com", "INSTANCES": "app-1:8000 app-2:8000"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environ, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_workflow_builds_an_image_with_its_bill_of_materials():
    workflow = read(ROOT / ".github" / "workflows" / "image.yml")
    steps = workflow["jobs"]["image"]["steps"]
    (build,) = (each for each in steps if "build-push-action" in each.get("uses", ""))
    assert build["with"]["sbom"] is True
    (check,) = (each["run"] for each in steps if "run" in each)
    for tag, code in ((f"v{__version__}", 0), ("v0.0.0", 1)):
        environ = {"GITHUB_REF_NAME": tag, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(["/bin/sh", "-c", check], cwd=ROOT, env=environ, check=False)
        assert done.returncode == code
