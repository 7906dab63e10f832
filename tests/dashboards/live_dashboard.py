"""A dashboard that listens, as `w2s dashboard` would."""

import threading
from collections.abc import Generator
from dataclasses import dataclass

from dashboards.data.library import Library
from dashboards.pages.guard import Guard
from dashboards.pages.serve import listening
from w2s_platform.store import Store


@dataclass(frozen=True)
class Live:
    """A dashboard that listens."""

    url: str
    store: Store

    def page(self, question: str, sweep: str, more: str = "") -> str:
        """The link to a question's page."""
        return f"{self.url}/?show={question}&sweep={sweep}{more}"


def listen(store: Store, guard: Guard | None = None) -> Generator[Live]:
    """Serve a store's dashboard until the test has ended."""
    server = listening(Library(store.url), guard or Guard(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Live(f"http://127.0.0.1:{server.server_port}", store)
    finally:
        server.shutdown()
        thread.join()
