"""Data tools read the exports in the current folder with default options: polars, pandas and duckdb."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import warnings

import duckdb
import pandas as pd
import polars as pl

QUERIES = {
    "rows": "SELECT count(*) FROM 'export.ndjson'",
    "table_rows": "SELECT count(*) FROM 'export.csv'",
    "joined": "SELECT count(*) FROM 'export.ndjson' JOIN 'export.csv' USING (id, source_gateway)",
    "dear": "SELECT count(*) FROM 'export.ndjson' WHERE pricing.prompt::DECIMAL(38, 18) > 0.000001",
}


def _documents():
    with open("export.ndjson") as file:
        return [json.loads(line) for line in file]


def polars_reads_ndjson(address, folder):
    """Return what polars has of each price, and what is in the export."""
    frame = pl.read_ndjson("export.ndjson")
    wanted = _prices(_documents())
    return {"rows": frame.height, "columns": frame.columns, "prices": _prices(frame.to_dicts()), "wanted": wanted}


def _prices(documents):
    """Count the known values of each key of `pricing`."""
    found = {}
    for document in documents:
        for name, amount in document["pricing"].items():
            if amount is not None:
                found[name] = found.get(name, 0) + 1
    return found


def polars_reads_csv(address, folder):
    frame = pl.read_csv("export.csv")
    return {"rows": frame.height, "ids": frame["id"].to_list()}


def pandas_reads_csv(address, folder):
    """Return the warnings, and the columns whose known values have more than one type."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = pd.read_csv("export.csv")
    mixed = [name for name in frame.columns if frame[name].dropna().map(type).nunique() > 1]
    return {
        "rows": len(frame),
        "ids": frame["id"].tolist(),
        "warnings": [str(warning.message) for warning in caught],
        "mixed": mixed,
        "types": {name: str(frame[name].dtype) for name in frame.columns},
    }


def pandas_reads_ndjson(address, folder):
    frame = pd.read_json("export.ndjson", lines=True)
    return {"rows": len(frame), "ids": frame["id"].tolist()}


def duckdb_reads_both(address, folder):
    """Return how many offers there are in each export, in both by gateway and id, and how many are dear."""
    return {name: duckdb.sql(query).fetchall()[0][0] for name, query in QUERIES.items()}


def examples_of_the_documentation(address, folder):
    """Run each Python example of the page about exports; return what it prints."""
    for extension in ("ndjson", "csv"):
        shutil.copy(f"export.{extension}", f"offers.{extension}")
    with open("export.md") as file:
        return list(map(_printed, re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)))


def _printed(code):
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as output:
        warnings.simplefilter("error")
        exec(code, {})  # noqa: S102  an example of the project's own documentation
    return output.getvalue()
