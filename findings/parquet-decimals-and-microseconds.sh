#!/usr/bin/env bash
# A Parquet file with decimals and instants in microseconds UTC, as pyarrow 26.0.1 writes it, read by others without a warning:
# - fastparquet 2026.9.0 makes doubles of decimals, and not the nearest ones: 0.100000 becomes 0.09999999999999999. Instants
#   lose that they are UTC;
# - hyparquet 1.33.0 makes doubles of decimals (12345678901234567.890001 becomes 12345678901234568), cuts instants to
#   milliseconds, so that two in one millisecond are one, and cuts those before 1970 towards it, that is forwards.
# Polars 2.1.0 and DuckDB 2.0.1 read both as they are. It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
  pyarrow==26.0.1 fastparquet==2026.9.0 pandas==3.1.1 polars==2.1.0 duckdb==2.0.1 pytz==2026.6
npm install --silent --no-audit --no-fund --prefix . hyparquet@1.33.0
venv/bin/python -W ignore - <<'EOF'
from datetime import datetime, timezone
from decimal import Decimal

import duckdb
import fastparquet
import polars
import pyarrow
import pyarrow.parquet

amounts = [Decimal("0.100000"), Decimal("-12.300000"), Decimal("12345678901234567.890001")]
instants = [
    datetime(2026, 11, 3, 14, 5, 6, 123456, timezone.utc),
    datetime(2026, 11, 3, 14, 5, 6, 123457, timezone.utc),
    datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc),
]
table = {
    "amount": pyarrow.array(amounts, pyarrow.decimal128(38, 6)),
    "at": pyarrow.array(instants, pyarrow.timestamp("us", tz="UTC")),
}
pyarrow.parquet.write_table(pyarrow.table(table), "deals.parquet")

frame = fastparquet.ParquetFile("deals.parquet").to_pandas()
print("fastparquet", *frame.amount.map(repr).str.replace(r"np.float64\((.*)\)", r"\1", regex=True), frame["at"].dtype)
assert frame.amount.tolist() == [0.09999999999999999, -12.299999999999999, 12345678901234568.0]
assert frame["at"].dt.tz is None

assert polars.read_parquet("deals.parquet")["amount"].to_list() == amounts
assert [row[0] for row in duckdb.sql("SELECT amount FROM 'deals.parquet'").fetchall()] == amounts
assert polars.read_parquet("deals.parquet")["at"].to_list() == instants
EOF
cat >seen.mjs <<'EOF'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';

for (const row of await parquetReadObjects({ file: await asyncBufferFromFile('deals.parquet') }))
  console.log('hyparquet', row.amount, row.at.toISOString());
EOF
node seen.mjs | tee seen.txt
diff seen.txt - <<'EOF'
hyparquet 0.1 2026-11-03T14:05:06.123Z
hyparquet -12.3 2026-11-03T14:05:06.123Z
hyparquet 12345678901234568 1970-01-01T00:00:00.000Z
EOF
