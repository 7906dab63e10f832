"""A Hugging Face hub on loopback, as far as `datasets.load_dataset` asks it for datasets."""

import hashlib
import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"

Files: TypeAlias = Mapping[str, bytes]
"""A repository's files: path → content."""


def commit_of(branch: str) -> str:
    """The commit at which a branch stands."""
    return COMMIT if branch == "main" else hashlib.sha1(branch.encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    repos: Mapping[str, Mapping[str, Files]]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        asked = self.rfile.read(length).decode().replace("%2F", "/")
        _, _, owner, name, _, revision = self._parts()
        _, files = self._found(f"{owner}/{name}", revision) or ("", {})
        self._json([_entry(path, files[path]) for path in files if path in asked])

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def _parts(self) -> list[str]:
        # Parted before it is unquoted: a branch such as refs/convert/parquet is one part.
        return [unquote(part) for part in self.path.split("?")[0].strip("/").split("/")]

    def _answer(self, *, body: bool) -> None:
        parts = self._parts()
        api = parts[0] == "api"
        dataset, rest = "/".join(parts[1 + api : 3 + api]), parts[3 + api :]
        kind, revision, *path = rest or ("", "main")
        found = self._found(dataset, revision)
        if dataset not in self.repos or kind not in ("", "tree", "revision", "resolve"):
            self._missing("Repo" if api else "Entry")
        elif found is None:
            self._missing("Revision")
        elif kind == "resolve":
            self._file(*found, "/".join(path), body=body)
        elif kind == "tree":
            self._tree(found[1], "/".join(path))
        else:
            siblings = [{"rfilename": path} for path in found[1]]
            self._json({"id": dataset, "sha": found[0], "tags": [], "siblings": siblings})

    def _found(self, dataset: str, revision: str) -> tuple[str, Files] | None:
        """The commit and the files of a branch, or of its commit."""
        for branch, files in self.repos.get(dataset, {}).items():
            if revision in (branch, commit_of(branch)):
                return commit_of(branch), files
        return None

    def _tree(self, files: Files, below: str) -> None:
        start = f"{below}/" if below else ""
        inside = {path.removeprefix(start): path for path in files if path.startswith(start)}
        if "recursive=true" in self.path.lower():
            folders, paths = set[str](), list(inside.values())
        else:
            folders = {name.split("/")[0] for name in inside if "/" in name}
            paths = [path for name, path in inside.items() if "/" not in name]
        entries = [_entry(path, files[path]) for path in paths]
        entries += [{"type": "directory", "path": start + name, "oid": "0"} for name in folders]
        self._json(entries) if entries else self._missing("Entry")

    def _file(self, commit: str, files: Files, path: str, *, body: bool) -> None:
        if path not in files:
            self._missing("Entry")
            return
        content = files[path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
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


def _entry(path: str, content: bytes) -> dict[str, Any]:
    oid = hashlib.sha1(content).hexdigest()
    return {"type": "file", "path": path, "size": len(content), "oid": oid}


@contextmanager
def serve_all(repos: Mapping[str, Mapping[str, Files]]) -> Generator[str]:
    """Serve datasets, each as branch → files; gives the endpoint."""
    handler = type("Handler", (_Handler,), {"repos": repos})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve(dataset: str, files: Files) -> Generator[str]:
    """Serve one dataset's files at the commit `COMMIT`, branch `main`; gives the endpoint."""
    with serve_all({dataset: {"main": files}}) as endpoint:
        yield endpoint


def jsonl(rows: list[dict[str, object]]) -> bytes:
    """Rows as a JSONL file's bytes."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
