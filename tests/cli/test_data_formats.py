"""Rows as CSV, JSON and Parquet, read back by other readers."""

import csv
import io
import json

import pandas as pd
import pyarrow.parquet as pq

from w2s_platform.cli.render.tables import to_csv, to_json, to_parquet

FRAME = pd.DataFrame(
    {
        "sweep": ["s", "s"],
        "seed": [0, 1],
        "metric": ["accuracy", "pgr"],
        "value": [0.125, float("nan")],
        "n": pd.array([100, None], dtype="Int64"),
        "experts.combine": ["mean", "mean"],
        "experts.adapter": pd.Series(["full", 8], dtype=object),
    }
)


def test_csv_has_a_heading_and_empty_cells_for_what_is_missing() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(FRAME))))
    assert [row["value"] for row in rows] == ["0.125", ""]
    assert [row["n"] for row in rows] == ["100", ""]
    assert rows[0]["experts.combine"] == "mean"


def test_json_is_strict_with_null_for_what_is_missing() -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    rows = json.loads(to_json(FRAME), parse_constant=refuse)
    assert rows[0]["value"] == 0.125
    assert rows[0]["n"] == 100
    assert rows[1]["value"] is None
    assert rows[1]["n"] is None
    assert [row["experts.adapter"] for row in rows] == ["full", 8]


def test_no_rows_are_an_empty_array() -> None:
    assert json.loads(to_json(FRAME.iloc[:0])) == []


def test_parquet_keeps_types_and_writes_mixed_columns_as_text() -> None:
    table = pq.read_table(io.BytesIO(to_parquet(FRAME)))
    assert table.column("value").to_pylist()[0] == 0.125
    assert table.column("seed").to_pylist() == [0, 1]
    assert table.column("n").to_pylist() == [100, None]
    assert table.column("experts.adapter").to_pylist() == ["full", "8"]
