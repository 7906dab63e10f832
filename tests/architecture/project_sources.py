"""The project's Python sources, parsed once for all checks."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "ensemble_core": ROOT / "ensemble_core",
    "w2s_platform": ROOT / "platform" / "w2s_platform",
    "dashboards": ROOT / "dashboards",
}


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@cache
def sources(folder: Path) -> tuple[Source, ...]:
    paths = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    return tuple(_parse(path) for path in paths)


def code() -> list[Source]:
    """Everything that is installed."""
    return [source for folder in PACKAGES.values() for source in sources(folder)]


def everything() -> list[Source]:
    """What is installed, and its tests."""
    return [*code(), *sources(ROOT / "tests")]


def _parse(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path, ast.parse(text, str(path)), len(text.splitlines()))
