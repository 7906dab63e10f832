"""Arguments and options that several commands share, so that they read the same everywhere."""

from pathlib import Path

import click

sweep_argument = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)

store_option = click.option(
    "--store",
    metavar="URL",
    help="Where results are kept: a directory or file:// URL.  [default: $W2S_STORE, else ./.w2s]",
)

data_root_option = click.option(
    "--data-root",
    metavar="DIR",
    envvar="W2S_DATA_DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the task cards' local question files lie.  [default: $W2S_DATA_DIR]",
)

cluster_data_root_option = click.option(
    "--data-root",
    metavar="DIR",
    envvar="W2S_DATA_DIR",
    type=click.Path(path_type=Path),  # it need not exist on this machine
    help="Where local question files lie for the cluster's nodes.  [default: $W2S_DATA_DIR]",
)

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of tables."
)

quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print errors only.")

retry_failed_option = click.option(
    "--retry-failed", is_flag=True, help="Run what failed for good again, too."
)

cells_option = click.option("--cells", is_flag=True, help="List every cell too.")

_DEBUG = "w2s_platform.debug"


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    # `meta` is shared by a command and the group that it belongs to: the flag may stand after
    # either.
    ctx.meta[_DEBUG] = ctx.meta.get(_DEBUG, False) or value


def is_debug(ctx: click.Context) -> bool:
    """Whether --debug was given."""
    return bool(ctx.meta.get(_DEBUG))


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Show tracebacks, and the libraries' own messages.",
)
