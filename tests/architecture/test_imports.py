"""Imports flow dashboards → w2s_platform → ensemble_core, and never back."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest
from project_sources import PACKAGES, ROOT, Source, sources

MAY_IMPORT = {
    "ensemble_core": set[str](),
    "w2s_platform": {"ensemble_core"},
    "dashboards": {"w2s_platform", "ensemble_core"},
}
ONLY_IN_PLATFORM = {"ray", "optuna"}


def imported_packages(source: Source) -> Iterator[str]:
    """Top-level names of every import, those inside functions and strings' types included."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_flow_one_way(package: str) -> None:
    forbidden = set(PACKAGES) - {package} - MAY_IMPORT[package] | {"tests"}
    wrong = [
        f"{source.name} imports {name}"
        for source in sources(PACKAGES[package])
        for name in imported_packages(source)
        if name in forbidden
    ]
    assert wrong == []


def test_the_core_knows_nothing_of_ray_and_optuna() -> None:
    wrong = [
        f"{source.name} imports {name}"
        for source in sources(PACKAGES["ensemble_core"])
        for name in imported_packages(source)
        if name in ONLY_IN_PLATFORM
    ]
    assert wrong == []


def test_imports_are_absolute() -> None:
    relative = [
        source.name
        for folder in PACKAGES.values()
        for source in sources(folder)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_the_check_sees_imports_inside_functions() -> None:
    tree = ast.parse("def f():\n    from ray.train import x\n    import torch.nn\n")
    source = Source(ROOT / "example.py", tree, 3)
    assert list(imported_packages(source)) == ["ray", "torch"]


def test_platform_is_the_standard_library() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    program = "import platform; platform.machine(); print(platform.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not found.stdout.startswith(str(ROOT))


def test_every_package_folder_says_what_it_is() -> None:
    silent = [
        str(init.relative_to(ROOT))
        for folder in PACKAGES.values()
        for init in folder.rglob("__init__.py")
        if not ast.get_docstring(ast.parse(init.read_text(encoding="utf-8")))
    ]
    assert silent == []
