"""A click group that imports a command when it is called, and lists commands by purpose."""

import difflib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click


@dataclass(frozen=True)
class Section:
    """A heading of the help page, and the commands below it."""

    title: str
    commands: tuple[str, ...]


class LazyGroup(click.Group):
    """Finds the command `name` as the attribute `command` of the module `{package}.{name}`.

    Commands of packages that build on this one are found through their entry points.

    Args:
        args: As for `click.Group`.
        sections: The commands of `package`, by purpose.
        package: Where their modules are.
        others: The entry points' group; the last heading lists what is found there.
        others_title: That heading.
        kwargs: As for `click.Group`.
    """

    def __init__(
        self,
        *args: Any,
        sections: Sequence[Section] = (),
        package: str = "",
        others: str = "",
        others_title: str = "More",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.own = tuple(sections)
        self.package = package
        self.others = others
        self.others_title = others_title

    @property
    def sections(self) -> tuple[Section, ...]:
        """All headings, the one for other packages' commands included if there are any."""
        found = Section(self.others_title, tuple(self._others))
        return (*self.own, *([found] if found.commands else []))

    @cached_property
    def _others(self) -> dict[str, EntryPoint]:
        if not self.others:
            return {}
        # Of two installations on the path, the first one counts.
        found = {entry.name: entry for entry in reversed(list(entry_points(group=self.others)))}
        return dict(sorted(found.items(), key=lambda item: item[0], reverse=True))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, in the order of the sections."""
        return [name for section in self.sections for name in section.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module; None where there is no such command."""
        if any(cmd_name in section.commands for section in self.own):
            return importlib.import_module(f"{self.package}.{cmd_name}").command
        entry = self._others.get(cmd_name)
        return entry.load() if entry else None

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
