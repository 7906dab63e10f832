"""Listening: on this machine unless told otherwise, and then for those who bring a token."""

import importlib
import logging
import secrets
import socket

import click
from werkzeug.serving import BaseWSGIServer, make_server

from dashboards.data.library import Library
from dashboards.pages.app import create_app
from dashboards.pages.guard import Guard, is_loopback
from ensemble_core.errors import InputError

_NEEDED = ("pandas", "plotly.graph_objects", "scipy.stats")
LOOK = 0.8
"""Seconds that one look at a sweep may take; a page then shows what was read so far."""


def serve(store: str | None, *, host: str, port: int, token: str | None) -> None:
    """Show a store until interrupted.

    Raises:
        InputError: The address can't be listened on.
    """
    token = token or None  # an empty one, as of an unset variable, would let everybody in
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    _check(host, port)
    server = listening(Library(store, budget=LOOK), Guard(token, [host]), host, port)
    named = f"[{host}]" if ":" in host else host
    secret = f"?token={token}" if token else ""
    click.echo(f"dashboard: http://{named}:{server.server_port}/{secret} (Ctrl-C ends it)")
    server.serve_forever()


def listening(library: Library, guard: Guard, host: str, port: int) -> BaseWSGIServer:
    """A server that listens already, and has imported what its first page needs."""
    for name in _NEEDED:
        importlib.import_module(name)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    return make_server(host, port, create_app(library, guard).server, threaded=True)


def _check(host: str, port: int) -> None:
    """Say in plain words why an address can't be listened on."""
    try:
        family = socket.getaddrinfo(host, port)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        hint = "name another with --port, or another address with --host"
        raise InputError(
            f"can't listen there: {error.strerror}", where=f"{host}:{port}", hint=hint
        ) from error
