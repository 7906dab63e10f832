"""`w2s dashboard`: the live dashboard."""

import click

from w2s_platform.cli.options import debug_option, store_option


@click.command()
@store_option
@click.option("--port", default=8050, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Listen here. Any other address than this machine's own asks visitors for a token.",
)
@click.option(
    "--token",
    envvar="W2S_DASHBOARD_TOKEN",
    help="What visitors must bring; made up and printed where --host needs one.",
)
@debug_option
def command(store: str | None, port: int, host: str, token: str | None) -> None:
    """Show the sweeps of a store in a browser, while they run and after.

    Only reads the store. Listens on this machine alone unless --host says otherwise; Ctrl-C ends
    it. A link in the browser's address bar holds the filters, so it can be passed on.

    \b
    Examples:
      w2s dashboard
      w2s dashboard --store /data/w2s --port 8051
      w2s dashboard --host 0.0.0.0 --token "$(openssl rand -hex 16)"
    """
    from dashboards.pages.serve import serve

    serve(store, host=host, port=port, token=token)
