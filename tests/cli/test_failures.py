"""Every way a command can end: one message, one exit status, a traceback only on request."""

import errno
import subprocess
import sys

import click
import pytest

from ensemble_core.documents import DocumentErrors, Problem
from ensemble_core.errors import DivergedError, InputError, StageError
from w2s_platform.cli import main
from w2s_platform.cli.failures import describe, report_failure

CASES = [
    (
        InputError("no such task `ad`", where="study.yaml:3:5", hint="did you mean `add`?"),
        2,
        "error: study.yaml:3:5: no such task `ad`\n  did you mean `add`?",
    ),
    (StageError("too long"), 1, "error: too long"),
    (DivergedError("loss is nan", where="round 3"), 1, "error: round 3: loss is nan"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (click.Abort(), 130, "interrupted"),
    (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 1, "error: /x/y: No space left"),
    (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "error: /x: Permission denied"),
    (ValueError("surprise\nmore"), 1, "internal error: ValueError: surprise (run with --debug"),
    (KeyError(), 1, "internal error: KeyError: no message"),
]


@pytest.mark.parametrize(("error", "status", "text"), CASES)
def test_an_error_is_one_message_and_one_status(
    error: BaseException, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_failure(error) == status
    printed = capsys.readouterr()
    assert printed.err.startswith(text)
    assert printed.out == ""
    assert "Traceback" not in printed.err


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StageError) as caught:
        raise StageError("too long")
    assert report_failure(caught.value, debug=True) == 1
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert printed.rstrip().endswith("error: too long")


def test_all_problems_are_printed_one_a_line_and_counted() -> None:
    problems = [
        Problem("a.yaml", 2, 1, "seeds", "must be at least 1, not 0"),
        Problem("a.yaml", 9, 3, "experts.rouds", "unknown key", "did you mean `rounds`?"),
    ]
    lines, status = describe(DocumentErrors(problems))
    assert status == 2
    assert lines == [
        "a.yaml:2:1: seeds: must be at least 1, not 0",
        "a.yaml:9:3: experts.rouds: unknown key (did you mean `rounds`?)",
        "error: 2 problems",
    ]


def test_exit_and_system_exit_keep_their_status() -> None:
    assert report_failure(click.exceptions.Exit(3)) == 3
    assert report_failure(SystemExit(2)) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["resluts"], "did you mean `w2s results`?"),
        (["plan", "no-such-file.yaml"], "no-such-file.yaml"),
        (["plan"], "Missing argument"),
        (["results", "--format", "xml", __file__], "xml"),
    ],
)
def test_wrong_usage_is_bad_input(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.execute(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert text in printed
    assert "--help` shows how it is used" in printed


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = (
        "import sys, os\n"
        "from w2s_platform.cli.main import main\n"
        "sys.argv = ['w2s', '--help']\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors
    assert b"Exception" not in errors
