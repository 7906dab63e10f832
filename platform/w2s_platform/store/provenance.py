"""Where a result comes from: code, packages, machine. Nothing heavy is imported to find out."""

import os
import socket
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from w2s_platform.store.manifest import GitState, Provenance

PACKAGES = (
    "w2s-platform",
    "torch",
    "transformers",
    "peft",
    "datasets",
    "ray",
    "optuna",
    "numpy",
    "pandas",
    "pyarrow",
    "safetensors",
)
"""Whose versions can change a result."""


def collect(device: str = "", git: GitState | None = None) -> Provenance:
    """The provenance of work done by this process.

    Args:
        device: What the work ran on, such as `cuda:0 NVIDIA H100`.
        git: The code's state. Whoever started the work knows it: a cluster's workers run from a
            copy of the project without its history, or inside another project.
    """
    return Provenance(
        git=git,
        versions=dict(_versions()),
        host=socket.gethostname(),
        device=device,
    )


def git_state(folder: Path | None = None) -> GitState | None:
    """Commit and dirty flag of the project around a folder (default: the working directory).

    Found once per process and folder. None without git, a project, or a commit.
    """
    return _git_state(str(folder or Path.cwd()))


@cache
def _git_state(folder: str) -> GitState | None:
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if not commit or changes is None:
        return None
    return GitState(commit=commit, dirty=bool(changes))


def _git(folder: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", ".".join(map(str, sys.version_info[:3])))]
    for package in PACKAGES:
        try:
            found.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)
