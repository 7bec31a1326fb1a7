#!/usr/bin/env bash
# One CSV file with columns as a CRM exports them, read by four libraries with the detection of types that each has:
# - instants by RFC 3339, one of them without and one with a fraction: pandas 3.1.1 leaves the whole column text though
#   told to parse it; DuckDB 2.0.1, Polars 2.1.0 and pyarrow make instants of it;
# - telephones with a plus sign: text in DuckDB and Polars, an integer without the plus in pandas, a double in pyarrow;
# - codes with leading zeros: text in DuckDB alone, integers without the zeros in the other three.
# Six digits of fraction everywhere help with the first; the others need types that are told.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pandas==3.1.1 duckdb==2.0.1 polars==2.1.0 pyarrow==25.0.0
cat >moves.csv <<'EOF'
moved_at,phone,code
2026-11-03T14:05:06Z,+8613800138000,0075501
2026-11-03T14:05:06.500000Z,+8675512345678,0010
EOF
venv/bin/python -W ignore - <<'EOF'
import duckdb
import pandas
import polars
import pyarrow.csv

seen = {
    "pandas": [str(kind) for kind in pandas.read_csv("moves.csv", parse_dates=["moved_at"]).dtypes],
    "duckdb": [str(kind) for kind in duckdb.sql("SELECT * FROM read_csv('moves.csv')").types],
    "polars": [str(kind) for kind in polars.read_csv("moves.csv", try_parse_dates=True).dtypes],
    "pyarrow": [str(kind) for kind in pyarrow.csv.read_csv("moves.csv").schema.types],
}
for library, kinds in seen.items():
    print(f"{library:8}", *kinds, sep="  ")
assert seen == {
    "pandas": ["str", "int64", "int64"],
    "duckdb": ["TIMESTAMP WITH TIME ZONE", "VARCHAR", "VARCHAR"],
    "polars": ["Datetime(time_unit='us', time_zone='UTC')", "String", "Int64"],
    "pyarrow": ["timestamp[ns, tz=UTC]", "double", "int64"],
}, "the behaviour has changed"
EOF
