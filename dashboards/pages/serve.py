"""Listening: on this machine unless told otherwise, and then for those who bring a token."""

import contextlib
import gc
import importlib
import logging
import secrets
import socket
import threading

import click
from werkzeug.serving import BaseWSGIServer, make_server

from dashboards.data.library import Library
from dashboards.pages.app import create_app
from dashboards.pages.guard import Guard, is_loopback
from dashboards.pages.views import Views
from ensemble_core.errors import InputError, W2SError

_NEEDED = ("pandas", "plotly.graph_objects", "scipy.stats")
LOOK = 0.8
"""Seconds that one look at a sweep may take; a page then shows what was read so far."""
PART = 0.5
"""Seconds of reading ahead after which others see what was read."""


def serve(store: str | None, *, host: str, port: int, token: str | None) -> None:
    """Show a store until interrupted.

    Raises:
        InputError: The address can't be listened on.
    """
    token = token or None  # an empty one, as of an unset variable, would let everybody in
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    _check(host, port)
    library = Library(store, budget=LOOK)
    server = listening(library, Guard(token, [host]), host, port)
    # What was imported stays: looking through it again and again would slow the reading down.
    gc.collect()
    gc.freeze()
    warm_up(library)
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


def warm_up(library: Library) -> threading.Thread:
    """Read the newest sweep, and make its first page, while nobody has asked for anything yet.

    Whoever looks meanwhile sees what was read so far. A store that can't be read is left to the
    page that says why.
    """

    def read() -> None:
        with contextlib.suppress(W2SError):
            names = library.names()
            parts = library.read_ahead(library.newest(names), PART) if names else ()
            for place, data in enumerate(parts):
                if not (place and data.unread):  # what the first page and the last one need
                    Views(library).page("")

    thread = threading.Thread(target=read, name="warm-up", daemon=True)
    thread.start()
    return thread


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
