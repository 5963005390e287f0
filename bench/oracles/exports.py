"""Reads the Parquet files of `kindred export all --format parquet` with pyarrow, and
expects what the JSON Lines of the same store say. Run: python exports.py PARQUET_FOLDER JSONL_FOLDER"""

import datetime
import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

parquet, jsonl = map(pathlib.Path, sys.argv[1:])
MOMENTS = {"time", "available_from", "available_until", "updated_at"}
TEXTS = {"attributes", "context"}  # JSON within Parquet, objects within JSON Lines


def plain(name, value):
    """The value of a Parquet column as the JSON has it."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc)
    if name in TEXTS and value:
        return json.loads(value)
    return value or None


def told(name, value):
    """The value of a JSON key, with times as times."""
    if name in MOMENTS and value:
        return datetime.datetime.fromisoformat(value)
    return value or None


for path in sorted(parquet.glob("*.parquet")):
    table = pq.read_table(path)
    for name in MOMENTS & set(table.column_names):
        assert table.schema.field(name).type == pa.timestamp("ms", tz="UTC"), (path, name, table.schema.field(name).type)
    got = [{k: plain(k, v) for k, v in row.items()} for row in table.to_pylist()]
    lines = (jsonl / (path.stem + ".jsonl")).read_text().splitlines()
    want = [{k: told(k, v) for k, v in json.loads(line).items()} for line in lines]
    assert got == want, (path, next((g, w) for g, w in zip(got, want) if g != w) if len(got) == len(want) else (len(got), len(want)))
    print(f"{path.name}: {table.num_rows} rows, {pq.ParquetFile(path).num_row_groups} groups, as in the JSON Lines")
