"""What the documentation shows works: its sweep files, its cards, its commands."""

import re
from pathlib import Path

import click
import pytest

from ensemble_core.tasks.cards import load_card
from w2s_platform.cli import main
from w2s_platform.sweepfile.load import load_sweep

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md")] if ".venv" not in path.parts
)


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_sweep_file_shown_is_valid(tmp_path: Path) -> None:
    [text] = [t for t in blocks(ROOT / "sweeps" / "README.md", "yaml") if "\nsweep:" in t]
    path = tmp_path / "counts.yaml"
    path.write_text(text)
    sweep = load_sweep(path)
    assert len(sweep.points) == (4 * 2 - 1) * 2


def test_the_task_card_shown_is_valid(tmp_path: Path) -> None:
    [text] = [t for t in blocks(ROOT / "sweeps" / "README.md", "yaml") if "\ntask:" in t]
    path = tmp_path / "my-task.yaml"
    path.write_text(text)
    assert load_card(path).task == "my-task"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    shown = re.findall(r"w2s ([a-z]+)((?: [^\n`|#]+)?)", page.read_text(encoding="utf-8"))
    names = main.w2s.list_commands(click.Context(main.w2s))
    for name, rest in shown:
        assert name in names, name
        command = main.w2s.get_command(click.Context(main.w2s), name)
        assert command is not None
        known = {text for parameter in command.params for text in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known | {"--help"}, f"w2s {name}{rest}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target
