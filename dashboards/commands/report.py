"""`w2s report`: a sweep's results as one HTML file."""

from pathlib import Path

import click

from w2s_platform.cli.options import debug_option, store_option, sweep_argument


@click.command()
@sweep_argument
@store_option
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; it is made if it isn't there.",
)
@debug_option
def command(file: Path, store: str | None, out: Path) -> None:
    """Write a sweep's results as one HTML file to mail and keep.

    The file holds everything: it opens from disk, without a network, in any current browser. Its
    figures can be zoomed into and saved as PNG or SVG, its tables as CSV. A sweep that is still
    running is reported as far as it has come.

    \b
    Examples:
      w2s report sweeps/quickstart.yaml --out reports
      w2s report sweeps/nano_effect.yaml --store /data/w2s --out reports
    """
    from dashboards.report.write import write_report
    from w2s_platform.sweepfile.load import load_sweep

    path = write_report(store, load_sweep(file).sweep, out)
    click.echo(f"{path} ({path.stat().st_size / 2**20:.1f} MB)")
