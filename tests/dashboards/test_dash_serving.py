"""What the dashboard answers over HTTP: to whom, with what, and never with another file."""

import io
from pathlib import Path

import pandas as pd
import pytest
from flask.testing import FlaskClient

from dashboards.data.library import Library
from dashboards.pages.app import create_app
from dashboards.pages.guard import Guard, is_loopback
from dashboards.pages.views import Views
from w2s_platform.results import load
from w2s_platform.results.summary import summarise
from w2s_platform.store import Store, open_store


def client(url: str, guard: Guard | None = None) -> FlaskClient:
    return create_app(Library(url), guard or Guard()).server.test_client()


@pytest.fixture(scope="module")
def visitor(filled: Store) -> FlaskClient:
    return client(filled.url)


LOCAL = {"base_url": "http://127.0.0.1:8050"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_answered(visitor: FlaskClient, host: str) -> None:
    assert visitor.get("/", base_url=f"http://{host}:8050").status_code == 200


def test_a_foreign_name_for_this_machine_is_refused(visitor: FlaskClient) -> None:
    assert visitor.get("/", base_url="http://evil.example:8050").status_code == 403
    assert visitor.get("/_dash-layout", base_url="http://evil.example").status_code == 403


def test_another_address_needs_the_token(filled: Store) -> None:
    guarded = client(filled.url, Guard("secret-1", ["10.0.0.5"]))
    far = {"base_url": "http://10.0.0.5:8050"}
    for path in ("/", "/_dash-layout", "/file/worked/levels.csv", "/assets/style.css"):
        assert guarded.get(path, **far).status_code == 401
    assert guarded.get("/?token=wrong", **far).status_code == 401
    let_in = guarded.get("/?show=cost&token=secret-1", **far)
    assert let_in.status_code == 302
    assert let_in.headers["Location"] == "/?show=cost"
    assert "HttpOnly" in let_in.headers["Set-Cookie"]
    assert guarded.get("/", **far).status_code == 200


def test_loopback_addresses_are_known() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "::1", "127.9.9.9")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.5", "::", "lab.example")))


def test_pages_may_load_nothing_from_elsewhere(visitor: FlaskClient) -> None:
    policy = visitor.get("/", **LOCAL).headers["Content-Security-Policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "default-src 'self'" in policy


def test_a_table_is_downloaded_with_exactly_its_rows_and_its_stamp(
    visitor: FlaskClient, filled: Store
) -> None:
    link = "/file/worked/levels.{}?sweep=study&by=nothing&f.experts.count=4"
    got = pd.read_csv(io.StringIO(visitor.get(link.format("csv"), **LOCAL).text))
    rows = load(filled, "study")
    kept = rows[(rows["experts.count"] == 4) & (rows["metric"] == "accuracy")]
    assert sorted(got["mean"]) == pytest.approx(sorted(summarise(kept, [])["mean"]))
    assert set(got["sweep_key"]) == {filled.sweep_versions("study")[-1].key}
    assert set(got["git_commit"]) == {"c0ffeec0ff"}
    parquet = pd.read_parquet(io.BytesIO(visitor.get(link.format("parquet"), **LOCAL).data))
    assert parquet["mean"].tolist() == pytest.approx(got["mean"].tolist())
    latex = visitor.get(link.format("tex"), **LOCAL).text
    assert latex.startswith("% sweep key")
    assert r"\begin{tabular}" in latex


@pytest.mark.parametrize(
    "path",
    [
        "/file/worked/../../etc/passwd",
        "/file/..%2f..%2fetc/passwd.csv",
        "/file/worked/levels.exe?sweep=study",
        "/file/worked/nothing.csv?sweep=study",
        "/file/worked/levels.csv?sweep=..%2f..%2f..%2fetc",
        "/assets/../pages/app.py",
        "/assets/%2e%2e/%2e%2e/pyproject.toml",
    ],
)
def test_no_path_leads_to_a_file(visitor: FlaskClient, path: str) -> None:
    got = visitor.get(path, **LOCAL)
    assert got.status_code == 404 or "react-entry-point" in got.text  # the empty page of the app
    assert "root:" not in got.text


def problem(store: str, query: str = "") -> str:
    view = Views(Library(store)).page(query)
    assert view is not None
    return str(view.children)


def test_a_store_of_a_newer_version_gives_a_page_that_says_so(tmp_path: Path) -> None:
    open_store(str(tmp_path / "store")).prepare()
    (tmp_path / "store" / "store.json").write_text('{"format": 99}')
    assert "newer version" in problem(str(tmp_path / "store"))


def test_a_store_that_is_a_file_gives_a_page_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no store")
    assert "this is a file" in problem(str(tmp_path / "store"))


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    assert "this store holds no sweep" in problem(str(tmp_path / "store"))


def test_a_damaged_ledger_gives_a_page_that_says_so(empty: Store) -> None:
    from ledgers import grid, write_sweep

    write_sweep(empty, "study", grid("study", 5))
    key = empty.sweep_versions("study")[-1].key
    empty.backend.local_path(f"sweeps/study/{key}.json").write_text("{")
    assert "is damaged" in problem(empty.url)


def test_a_link_to_a_sweep_that_is_not_there_lists_those_that_are(filled: Store) -> None:
    assert "nasty, part, study" in problem(filled.url, "?sweep=gone")


def test_a_page_that_was_seen_is_not_made_again(filled: Store) -> None:
    views = Views(Library(filled.url))
    first = views.page("?sweep=study")
    assert first is not None
    assert views.page("?sweep=study", first.version) is None
