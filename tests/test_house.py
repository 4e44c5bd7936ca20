"""The shape of the package: few files for a request, a small root, one name for one thing."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

from benchmarks.files_entered import REJECTED, START, SUCCESS, files_entered

PACKAGE = ROOT / "oauth_helper"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Names that a module may share with another one, and why.
SHARED_NAMES = {
    "create_app": "the package hands on what the module `app` defines, and imports it only then",
    "install": "each part of `web` is added to the application by a function of that name",
    "services": "each blueprint has its own parts, and one way to get at them",
}
SHARED_MODULES = {
    "store/keys.py": "a key is called as what it leads to",
    "web/api/schemas.py": "the names are those of the API's description, which is public",
    "web/translations/extraction.py": "an extractor is called as the file that it reads",
    "sandbox/": "it is HubSpot, and knows nothing of the program",
}


@pytest.fixture(scope="module")
def entered(store_url, tmp_path_factory):
    return files_entered(store_url, tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize(
    ("request_", "most"),
    [
        (START, 14),
        (SUCCESS, 22),
        # Half of them write the failure and its diagnosis.
        (REJECTED, 26),
    ],
)
def test_a_request_enters_few_files(entered, request_, most):
    """`python -m benchmarks.files_entered` prints them."""
    assert len(entered[request_]) <= most, entered[request_]


def test_the_root_of_the_package_can_be_taken_in_at_a_glance():
    entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__"}
    entries -= {"__init__.py", "__main__.py", "py.typed"}
    assert len(entries) <= 14
    assert {entry for entry in entries if entry.endswith(".py")} == {"app.py", "models.py"}


def test_few_classes_are_protocols():
    protocols = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).split("[")[0].endswith("Protocol") for base in node.bases)
    ]
    assert len(protocols) <= 6, protocols


def public_names(path: Path) -> Iterator[str]:
    """Public functions and classes of a module but for views and commands.

    A view is called as its page, a command as what is typed, and the module says of which of them.
    """
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            decorators = [ast.unparse(each).partition("(")[0] for each in node.decorator_list]
            if not any(
                each.startswith(("blueprint.", "click.")) or each.endswith((".command", ".group"))
                for each in decorators
            ):
                yield node.name


def test_a_public_name_is_that_of_one_thing():
    modules = defaultdict(list)
    for path in MODULES:
        module = str(path.relative_to(PACKAGE))
        for name in public_names(path):
            if name not in SHARED_NAMES and not module.startswith(tuple(SHARED_MODULES)):
                modules[name].append(module)
    assert {name: found for name, found in modules.items() if len(found) > 1} == {}


def test_each_exception_is_needed():
    names = [(path, name) for path in MODULES for name in public_names(path)]
    for shared in SHARED_NAMES:
        assert sum(name == shared for _, name in names) > 1, shared
    for shared in SHARED_MODULES:
        own = {name for path, name in names if str(path.relative_to(PACKAGE)).startswith(shared)}
        others = {
            name for path, name in names if not str(path.relative_to(PACKAGE)).startswith(shared)
        }
        assert own & others, shared


# How a docstring begins that names a thing instead of saying what the caller gets.
NO_VERB = re.compile(
    "(An?|All|Both|Each|Every|Everything|How|It|One|That|The|They|This|To|W(hat|hen|here|hether"
    r"|hich|ho|hy))\b|[^A-Z]"
)


def test_docstrings_of_functions_start_with_a_verb():
    functions = [
        (path, node.name, ast.get_docstring(node) or "")
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    wrong = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, name, text in functions
        if NO_VERB.match(text)
    ]
    assert not wrong
    assert sum(bool(text) for _, _, text in functions) > 1000


def test_each_package_says_what_it_is_for_and_what_it_does_not_know():
    for path in PACKAGE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        first, *rest = text.splitlines()
        assert len(first) > 30, path
        assert rest, path
