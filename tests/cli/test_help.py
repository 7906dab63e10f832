"""Help that teaches, and a start that does not keep anyone waiting."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from w2s_platform.cli import main

COMMANDS = [name for section in main.SECTIONS for name in section.commands]
READ_A_STORE = ("plan", "run", "status", "results", "submit", "export", "explain")
READ_QUESTIONS = ("validate", "plan", "run", "status", "results", "submit")
HEAVY = {"torch", "transformers", "ray", "datasets", "pandas", "sklearn", "scipy", "optuna", "peft"}


def command(name: str) -> click.Command:
    found = main.w2s.get_command(click.Context(main.w2s), name)
    assert found is not None
    return found


def options(name: str) -> set[str]:
    return {text for parameter in command(name).params for text in parameter.opts}


def page(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main.execute([*arguments, "--help"]) == 0
    return capsys.readouterr().out


def test_the_first_page_groups_commands_and_shows_a_session(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = page(capsys=capsys)
    for section in main.SECTIONS:
        assert f"{section.title}:" in text
    assert text.index("A typical session") < text.index("Before a run")
    for name in COMMANDS:
        assert re.search(rf"^  {name}\s+[A-Z]", text, re.MULTILINE), name


def test_every_command_of_this_version_is_there_and_no_other() -> None:
    expected = "validate plan run status results submit export explain schema"
    assert set(COMMANDS) == set(expected.split())


def test_without_arguments_the_first_page_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.execute([]) == 0
    assert "A typical session" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_an_example_that_calls_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page(name, capsys=capsys)
    examples = text.partition("Example")[2]
    assert f"w2s {name}" in examples


@pytest.mark.parametrize("name", COMMANDS)
def test_summaries_fit_on_a_line(name: str) -> None:
    summary = command(name).get_short_help_str(limit=200)
    assert summary.endswith(".")
    assert len(summary) <= 66


@pytest.mark.parametrize("name", COMMANDS)
def test_shared_options(name: str) -> None:
    assert "--debug" in options(name)
    assert ("--store" in options(name)) == (name in READ_A_STORE)
    assert ("--data-root" in options(name)) == (name in READ_QUESTIONS)


def imported_by(*arguments: str) -> set[str]:
    """The packages that a command imports, in a process of its own."""
    program = (
        "import sys\n"
        "from w2s_platform.cli.main import execute\n"
        f"assert execute({list(arguments)!r}) == 0\n"
        "print('modules:', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return set(found.stdout.rpartition("modules:")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "--help"], ["--version"]])
def test_starting_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments) & HEAVY == set()


@pytest.mark.parametrize("command", ["validate", "plan", "status"])
@pytest.mark.parametrize("model", ["some/weak-model", "nano-s"])
def test_checking_and_planning_import_nothing_heavy(command: str, model: str, folder: Path) -> None:
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("some/weak-model", model))
    assert imported_by(command, "study.yaml") & HEAVY == set()


@pytest.mark.alone
def test_help_takes_less_than_a_second_of_cpu() -> None:
    best = min(cpu_seconds([sys.executable, "-m", "w2s_platform.cli", "--help"]) for _ in range(3))
    assert best < 1.0


def cpu_seconds(program: list[str]) -> float:
    """CPU time, not wall time: the machine may be busy with something else."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(program, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
