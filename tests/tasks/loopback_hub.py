"""A Hugging Face hub on loopback, as far as `datasets.load_dataset` asks it for one dataset."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class _Handler(BaseHTTPRequestHandler):
    files: dict[str, bytes]
    dataset: str

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        asked = self.rfile.read(length).decode()
        paths = [name for name in self.files if name in asked.replace("%2F", "/")]
        self._json([self._entry(name) for name in paths])

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0].replace("%2F", "/")
        api, resolve = f"/api/datasets/{self.dataset}", f"/datasets/{self.dataset}/resolve/"
        if path.startswith(resolve):
            revision, _, name = path.removeprefix(resolve).partition("/")
            self._file(name, body=body) if self._known(revision) else self._missing("Revision")
        elif path.startswith(f"{api}/tree/"):
            below = path.removeprefix(f"{api}/tree/").partition("/")[2]
            names = [name for name in self.files if not below or name.startswith(f"{below}/")]
            self._json([self._entry(name) for name in names])
        elif path == api or path.startswith(f"{api}/revision/"):
            known = path == api or self._known(path.removeprefix(f"{api}/revision/"))
            self._info() if known else self._missing("Revision")
        else:
            self._missing("Repo" if "/api/" in path else "Entry")

    def _known(self, revision: str) -> bool:
        return revision in (COMMIT, "main")

    def _info(self) -> None:
        siblings = [{"rfilename": name} for name in self.files]
        self._json({"id": self.dataset, "sha": COMMIT, "tags": [], "siblings": siblings})

    def _entry(self, name: str) -> dict[str, object]:
        content = self.files[name]
        oid = hashlib.sha1(content).hexdigest()
        return {"type": "file", "path": name, "size": len(content), "oid": oid}

    def _file(self, name: str, *, body: bool) -> None:
        if name not in self.files:
            self._missing("Entry")
            return
        content = self.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _json(self, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _missing(self, what: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", f"{what}NotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serve(dataset: str, files: dict[str, bytes]) -> Iterator[str]:
    """Serve one dataset's files at the commit `COMMIT`, branch `main`; gives the endpoint."""
    handler = type("Handler", (_Handler,), {"files": files, "dataset": dataset})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def jsonl(rows: list[dict[str, object]]) -> bytes:
    """Rows as a JSONL file's bytes."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
