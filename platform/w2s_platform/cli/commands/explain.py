"""`w2s explain`: why two keys or cells differ."""

import json
from dataclasses import asdict

import click

from w2s_platform.cli.console import show
from w2s_platform.cli.options import debug_option, json_option, store_option


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@store_option
@json_option
@debug_option
def command(first: str, second: str, store: str | None, as_json: bool) -> None:
    """Show why two stages, or two cells, differ.

    A and B are stage keys or cell ids, as `w2s status FILE --json` prints them; the first few
    digits are enough. Each field that sets them apart is named once, at the stage where it came in.

    \b
    Examples:
      w2s explain 3f9c0a1b 77d20e4c
      w2s explain 3f9c0a1b 77d20e4c --json
    """
    from w2s_platform.cli.render.differences import difference_layout
    from w2s_platform.explain import explain
    from w2s_platform.store import open_store

    differences = explain(open_store(store, read_only=True), first, second)
    if as_json:
        click.echo(json.dumps([asdict(difference) for difference in differences], indent=1))
    elif differences:
        show([difference_layout(differences, first, second)])
    else:
        click.echo(f"{first} and {second} are the same")
