"""DuckDB and openpyxl read the tables; XES and OCEL are as their schemas want them."""
import decimal, json, pathlib

import duckdb, jsonschema, openpyxl
from lxml import etree

from made import AMOUNTS, CASES, EVENTS, MOVES, TELEPHONES, UTC, check

HERE = pathlib.Path(__file__).parent

# DuckDB, with the types that it detects by itself
duckdb.sql("SET TimeZone='UTC'")
for name in ("moves.parquet", "moves.csv", "moves.ndjson"):
    found = duckdb.sql(f"SELECT external_id, stage, CAST(effective_at AS TIMESTAMPTZ) FROM '{name}'").fetchall()
    check(f"DuckDB: {name}", sorted((a, b, c.astimezone(UTC)) for a, b, c in found), MOVES)
types = "SELECT typeof(phone), typeof(external_id), typeof(amount), typeof(entered_at) FROM '{}' LIMIT 1"
check("DuckDB: types in Parquet", duckdb.sql(types.format("customers.parquet")).fetchall()[0],
      ("VARCHAR", "VARCHAR", "DECIMAL(38,6)", "TIMESTAMP WITH TIME ZONE"))
check("DuckDB: types in CSV: telephones and codes are text", duckdb.sql(types.format("customers.csv")).fetchall()[0][:2],
      ("VARCHAR", "VARCHAR"))
check("DuckDB: the sum of amounts", duckdb.sql("SELECT sum(amount) FROM 'customers.parquet'").fetchall()[0][0],
      sum(AMOUNTS.values()))
for kind in ("stays", "customers", "events"):
    of = lambda form: duckdb.sql(f"SELECT count(*) FROM '{kind}.{form}'").fetchall()[0][0]
    check(f"DuckDB: {kind}: as many rows in each format", of("csv"), of("parquet"))
    check(f"DuckDB: {kind}: as many rows in NDJSON", of("ndjson"), of("parquet"))
length = "SELECT sum(seconds) FROM '{}' WHERE left_at IS NOT NULL"
check("DuckDB: the length of stays", *(duckdb.sql(length.format(name)).fetchall() for name in ("stays.parquet", "stays.csv")))

# openpyxl
sheet = openpyxl.load_workbook("customers.xlsx", read_only=True).active.iter_rows(values_only=True)
header = next(sheet)
rows = [dict(zip(header, row)) for row in sheet]
check("openpyxl: telephones", sorted(row["phone"] for row in rows), TELEPHONES)
check("openpyxl: codes", sorted(row["external_id"] for row in rows), sorted(AMOUNTS))
check("openpyxl: the sum of amounts", round(decimal.Decimal(sum(row["amount"] for row in rows)), 2), sum(AMOUNTS.values()))

# The schemas
grammar = etree.RelaxNG(etree.parse(HERE / "xes.rng"))
wanted = jsonschema.Draft202012Validator(json.loads((HERE / "ocel.schema.json").read_text()),
                                         format_checker=jsonschema.FormatChecker())
for kind, events in EVENTS.items():
    document = etree.parse(f"{kind}.xes")
    check(f"XES: {kind}: as its schema wants it", grammar.validate(document) or str(grammar.error_log.last_error), True)
    count = lambda name: len(document.findall(f".//{{http://www.xes-standard.org/}}{name}"))
    check(f"XES: {kind}: traces and events", (count("trace"), count("event")), (CASES, events))
    log = json.loads(pathlib.Path(f"{kind}.json").read_text())
    faults = [f"{fault.json_path}: {fault.message}" for fault in wanted.iter_errors(log)]
    check(f"OCEL: {kind}: as its schema wants it", faults[:3], [])
    check(f"OCEL: {kind}: events", len(log["events"]), events)
