"""What the guide shows of each library is what the programs here run."""

import json
import re
from pathlib import Path

import pytest
from clients.test_clients import SENDS

HERE = Path(__file__).parent
GUIDE = (HERE.parent.parent / "docs" / "proxy.md").read_text("utf-8")
RECIPES = dict(re.findall(r"<!-- ((?:python|node)/\S+) -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL))


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_there_is_a_recipe_for_each_library():
    assert len(RECIPES) == len(SENDS) == 8


@pytest.mark.parametrize("program", RECIPES)
def test_each_line_of_a_recipe_is_one_of_its_program(program):
    ran = lines((HERE / program).read_text("utf-8"))
    assert [line for line in lines(RECIPES[program]) if line not in ran] == []


def test_the_versions_that_the_guide_names_are_those_that_run():
    packages = json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
    for name in SENDS.keys() & packages.keys():
        shown = ".".join(packages[name].split(".")[:2])
        assert f"| {name} {shown} |" in GUIDE
