"""What the project promises to those who join: the same commands, versions and notes everywhere."""

import os
import re
import tomllib
from collections import Counter

import pytest
import yaml
from project_sources import ROOT

FOLDERS = ("platform", "ensemble_core", "dashboards", "sweeps", "tests")


def requirement_names(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\[<>=~! ;]", text, maxsplit=1)[0].lower() for text in requirements}
    return {name.replace("_", "-") for name in names}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower().replace("_", "-"): version for name, version in pins}


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_has_a_readme(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "newcomer" in text, "say what a newcomer may change"


def test_the_readme_of_the_tests_names_every_folder() -> None:
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in ROOT.glob("tests/*/test_*.py")}
    assert [name for name in sorted(folders) if f"`{name}/`" not in text] == []


def test_modules_of_tests_have_names_of_their_own() -> None:
    # pytest puts each folder on the path: of two modules of one name, the first would serve both.
    names = Counter(path.stem for path in ROOT.glob("tests/**/*.py") if path.stem != "conftest")
    assert [name for name, times in names.items() if times > 1] == []


def test_no_other_folders_of_code() -> None:
    folders = {
        path.parent.relative_to(ROOT).parts[0]
        for path in ROOT.glob("*/**/*.py")
        if not path.relative_to(ROOT).parts[0].startswith((".", "build", "dist"))
    }
    assert folders <= set(FOLDERS)


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = requirement_names(
        [*project["dependencies"], *(text for extra in extras.values() for text in extra)]
    )
    missing = wanted - set(constraints()) - {project["name"]}
    assert missing == set()
    assert constraints()["torch"] == "2.13.0"


def test_continuous_integration_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text()
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in text
    assert text.splitlines()[-1] == "exec make test"


def test_the_readme_names_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        named = set(re.findall(r"`make ([a-z0-9]+)", text))
        assert named
        assert named <= targets, name


def test_pre_commit_needs_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format", "pyright"}
    assert all(hook["language"] == "system" for hook in hooks)


def test_the_licence_is_apache_2() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert (
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
    )
