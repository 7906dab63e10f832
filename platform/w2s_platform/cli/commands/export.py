"""`w2s export`: a cell's model as a Hugging Face directory."""

from pathlib import Path

import click

from w2s_platform.cli.options import debug_option, store_option


@click.command()
@click.argument("cell")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--subject",
    default="ensemble",
    show_default=True,
    help="Which of the cell's models: ensemble, student, floor, bagging, single, ceiling, …",
)
@store_option
@debug_option
def command(cell: str, directory: Path, subject: str, store: str | None) -> None:
    """Write a cell's model as a Hugging Face directory.

    CELL is a cell's id as `w2s status FILE --cells` prints it; the first few digits are enough.
    DIR must be new or empty. `AutoModelForCausalLM.from_pretrained(DIR)` loads what comes out, an
    ensemble after `import ensemble_core`.

    \b
    Examples:
      w2s export 3f9c0a1b models/ensemble
      w2s export 3f9c0a1b models/student --subject student
    """
    from w2s_platform.export import export
    from w2s_platform.store import open_store

    export(open_store(store, read_only=True), cell, directory, subject=subject)
    click.echo(f"wrote the {subject} of cell {cell} to {directory}")
