"""A click group that imports a command when it is called, and lists commands by purpose."""

import difflib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True)
class Section:
    """A heading of the help page, and the commands below it."""

    title: str
    commands: tuple[str, ...]


class LazyGroup(click.Group):
    """Finds the command `name` as the attribute `command` of the module `{package}.{name}`."""

    def __init__(
        self, *args: Any, sections: Sequence[Section] = (), package: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = tuple(sections)
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, in the order of the sections."""
        return [name for section in self.sections for name in section.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module; None where there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self.package}.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments call; a wrong name is answered with near ones."""
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            guess = f"did you mean `w2s {near[0]}`?" if near else "`w2s --help` lists them"
            raise click.UsageError(f"there is no command {name!r}; {guess}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of commands per section."""
        for section in self.sections:
            with formatter.section(section.title):
                formatter.write_dl([(name, self._summary(ctx, name)) for name in section.commands])

    def _summary(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=90) if command else ""
