"""How much processor time DuckDB takes for dwell times with curves, bands and exits: rows come in, the median in seconds goes
out."""

import pathlib
import sys
import tempfile
import time

import duckdb

here = pathlib.Path(__file__).parent
question = (here / "dwell.sql").read_text()

with tempfile.TemporaryDirectory() as folder:
    rows = pathlib.Path(folder) / "stays.csv"
    with rows.open("wb") as file:
        while block := sys.stdin.buffer.read(1 << 20):
            file.write(block)
    database = duckdb.connect()
    database.execute("SET threads = 1")
    database.execute(
        "CREATE TABLE stay AS SELECT stage::UTINYINT AS stage, entered::BIGINT AS entered, left_at::BIGINT AS left_at,"
        f" left_to::UTINYINT AS left_to FROM read_csv('{rows}', header = true, all_varchar = true)"
    )
    took = []
    for _ in range(5):
        begin = time.process_time()
        database.execute(question, {"until": int(sys.argv[1])}).fetchall()
        took.append(time.process_time() - begin)
print(sorted(took)[len(took) // 2])
