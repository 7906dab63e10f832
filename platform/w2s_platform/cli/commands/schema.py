"""`w2s schema`: the JSON Schema of sweep files and task cards."""

import json
from typing import Any

import click

from w2s_platform.cli.options import debug_option


@click.command()
@click.argument("kind", type=click.Choice(["sweep", "task"]), default="sweep")
@debug_option
def command(kind: str) -> None:
    """Print the JSON Schema of sweep files or task cards.

    An editor that reads YAML schemas completes and checks a file whose first line is
    `# yaml-language-server: $schema=sweep.schema.json`.

    \b
    Examples:
      w2s schema > sweeps/sweep.schema.json
      w2s schema task > sweeps/tasks/task.schema.json
    """
    click.echo(json.dumps(_schema(kind), indent=2, ensure_ascii=False))


def _schema(kind: str) -> dict[str, Any]:
    if kind == "task":
        from ensemble_core.tasks.schema import task_json_schema

        return task_json_schema()
    from w2s_platform.sweepfile.schema import json_schema

    return json_schema()
