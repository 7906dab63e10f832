"""Whether the hub answers, and where a branch stands: a hub on loopback, up, down and sick."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ensemble_core.errors import InputError, W2SError
from ensemble_core.models import hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER = "f" * 40
NOBODY = "http://127.0.0.1:9"


@contextmanager
def serve(status: int) -> Iterator[tuple[str, list[str]]]:
    """A hub that gives every answer this status; its address, and the models it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/api/models/"):  # the client asks for other things too
                asked.append(self.path)
            content = json.dumps({"id": "lab/model", "sha": COMMIT}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes an address the hub's; the local cache is empty."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return lambda address: monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)


def fill_cache(cache: Path, branch: str, commit: str) -> None:
    """What a download leaves: a reference and a snapshot."""
    folder = cache / "models--lab--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / branch).write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "snapshots" / commit / "config.json").write_text("{}")


def test_a_branch_is_looked_up_and_a_commit_is_not(use: Callable[[str], None]) -> None:
    with serve(200) as (address, asked):
        use(address)
        assert hub.find_commit("lab/model", OLDER) == OLDER
        assert asked == []
        assert hub.find_commit("lab/model", None) == COMMIT
        assert hub.find_commit("lab/model", "dev") == COMMIT
    assert asked == ["/api/models/lab/model", "/api/models/lab/model/revision/dev"]


@pytest.mark.parametrize("status", [503, 429])
def test_a_sick_hub_is_an_outage_unless_the_cache_knows(
    use: Callable[[str], None], tmp_path: Path, status: int
) -> None:
    with serve(status) as (address, _):
        use(address)
        with pytest.raises(ConnectionError, match="did not answer"):
            hub.find_commit("lab/model", "dev")
        fill_cache(tmp_path, "dev", OLDER)
        assert hub.find_commit("lab/model", "dev") == OLDER
        with pytest.raises(hub.HubError):
            hub.find_commit("lab/model", "other")


def test_without_a_hub_the_cache_is_enough(
    use: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_cache(tmp_path, "main", COMMIT)
    use(NOBODY)
    assert hub.find_commit("lab/model", None) == COMMIT
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub.find_commit("lab/model", "main") == COMMIT
    with pytest.raises(W2SError, match=r"lab/other: .*did not answer.*local cache"):
        hub.find_commit("lab/other", "main")


def test_a_model_that_the_hub_does_not_have_is_no_outage(use: Callable[[str], None]) -> None:
    with serve(404) as (address, _):
        use(address)
        with pytest.raises(InputError, match="check the name and revision") as found:
            hub.find_commit("lab/model", "dev")
    assert not isinstance(found.value, ConnectionError)


def test_a_hub_that_was_down_is_asked_again(
    use: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "ASK_AGAIN", 0.1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        use(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert not hub.hub_answers()
        listener.listen()
        time.sleep(0.11)
        assert hub.hub_answers()
