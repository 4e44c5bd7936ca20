"""What is written about the settings names each of them, with its default, in the code's order."""

from __future__ import annotations

import re

import pytest
from dotenv import dotenv_values
from paths import ROOT

from oauth_helper.config.reference import example_env
from oauth_helper.config.settings import SETTINGS, Setting

EXAMPLE = ROOT / "config.example.env"
OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")


def test_the_example_file_holds_every_setting_with_its_default_in_order():
    listed = re.findall(r"^# ([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE)
    assert listed == [(setting.name, setting.default) for setting in SETTINGS]


def test_the_example_file_is_the_one_that_is_printed():
    """When this fails: python -m oauth_helper settings --format env > config.example.env."""
    assert EXAMPLE.read_text("utf-8") == example_env()


def test_the_example_file_sets_nothing_as_it_stands():
    assert dotenv_values(EXAMPLE) == {}


def test_every_setting_is_explained_in_the_example_file():
    lines = EXAMPLE.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"# [A-Z][A-Z0-9_]+=", line):
            assert re.match(r"# \S", lines[number - 1]), f"nothing stands above {line}"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_operator_guide_has_a_row_for_every_setting(setting: Setting):
    row = re.search(rf"^\| `{setting.name}` \|(.*)\|(.*)\|$", OPERATING, re.MULTILINE)
    assert row is not None, f"docs/operating.md does not list {setting.name}"
    default, meaning = (cell.strip() for cell in row.groups())
    assert default == (f"`{setting.default}`" if setting.default else "empty")
    assert meaning.replace("\\<", "<") == setting.meaning
