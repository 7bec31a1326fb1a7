"""Exports of a small history, read by the libraries that analysts use: the same rows, types, instants, codes and flows."""
import csv, datetime, decimal, json, os, random, shutil, subprocess, sys
from collections import Counter

import duckdb, pandas, pm4py, polars, pyarrow
import pyarrow.parquet

BIN = os.environ["WAYMARK_BIN"]
FAILED = []
STAGES = ["New", "已联系", "Offer, long", 'Won "big"']


def run(*arguments):
    done = subprocess.run([BIN, *arguments, "--database", "sqlite:case.db"], capture_output=True, text=True,
                          env={**os.environ, "WAYMARK_KEYS": "case.keys"})
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr}")
    return done.stdout


def check(what, seen, expected):
    if seen == expected:
        print("right ", what)
    else:
        print("WRONG ", what, "\n  seen     ", str(seen)[:500], "\n  expected ", str(expected)[:500])
        FAILED.append(what)


def history():
    chance = random.Random(7)
    rows = []
    for case in range(300):
        at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(minutes=case)
        for stage in STAGES[: chance.randint(1, 4)]:
            at += datetime.timedelta(microseconds=chance.randint(1, 10**12))
            rows.append([f"{case:05}", stage, at.isoformat(timespec="microseconds"), chance.choice(["li", "wang", ""]),
                         f"+86139{case:08}", f"{chance.randint(1, 10**9) / 100:.2f}"])
    with open("history.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["deal", "stage", "moved", "who", "tel", "value"])
        writer.writerows(rows)
    return rows


ROWS = history()
run("import", "--pipeline", "deals", "--csv", "history.csv", "--case", "deal", "--status", "stage", "--time", "moved",
    "--actor", "who", "--phone", "tel", "--amount", "value", "--currency", "CNY", "--won", STAGES[3])
for kind in ("moves", "stays", "customers", "events"):
    for form in ("csv", "ndjson", "parquet", "xlsx"):
        run("export", kind, "--format", form, "--output", f"{kind}.{form}")
run("export", "moves", "--format", "xes", "--output", "moves.xes")
run("export", "moves", "--format", "ocel-json", "--output", "moves.json")

EXPECTED = sorted((row[0], row[1], datetime.datetime.fromisoformat(row[2])) for row in ROWS)
LATEST = {row[0]: decimal.Decimal(row[5]) for row in ROWS}
UTC = datetime.timezone.utc


def moves_of(records):
    return sorted((one["external_id"], one["stage"], one["effective_at"].astimezone(UTC)) for one in records)


# Parquet
table = pyarrow.parquet.read_table("moves.parquet")
check("pyarrow: types", {name: str(table.schema.field(name).type) for name in
      ("external_id", "stage", "effective_at", "cycle", "repeats")},
      {"external_id": "string", "stage": "string", "effective_at": "timestamp[us, tz=UTC]", "cycle": "int64",
       "repeats": "bool"})
check("pyarrow: moves to the microsecond", moves_of(table.to_pylist()), EXPECTED)
customers = pyarrow.parquet.read_table("customers.parquet")
check("pyarrow: amounts are decimals", str(customers.schema.field("amount").type), "decimal128(38, 6)")
check("pyarrow: amounts", {one["external_id"]: one["amount"] for one in customers.to_pylist()}, LATEST)
check("pandas: Parquet", moves_of(pandas.read_parquet("moves.parquet").to_dict("records")), EXPECTED)
check("polars: Parquet", moves_of(polars.read_parquet("moves.parquet").to_dicts()), EXPECTED)
found = duckdb.sql("SET TimeZone='UTC'; SELECT external_id, stage, effective_at FROM 'moves.parquet'")
check("DuckDB: Parquet", sorted((a, b, c.astimezone(UTC)) for a, b, c in found.fetchall()), EXPECTED)
check("DuckDB: the sum of amounts", duckdb.sql("SELECT sum(amount) FROM 'customers.parquet'").fetchall()[0][0],
      sum(LATEST.values()))

# CSV and NDJSON, with the types that each reader detects by itself
found = duckdb.sql("SELECT external_id, stage, effective_at FROM 'moves.csv'")
check("DuckDB: CSV", sorted((a, b, c.astimezone(UTC)) for a, b, c in found.fetchall()), EXPECTED)
found = duckdb.sql("SELECT typeof(phone), typeof(external_id) FROM 'customers.csv' LIMIT 1").fetchall()[0]
check("DuckDB: CSV: telephones and codes are text", found, ("VARCHAR", "VARCHAR"))
frame = pandas.read_csv("moves.csv", dtype={"external_id": str}, parse_dates=["effective_at"])
check("pandas: CSV, instants parsed", moves_of(frame.to_dict("records")), EXPECTED)
frame = polars.read_csv("moves.csv", try_parse_dates=True, schema_overrides={"external_id": polars.String})
check("polars: CSV", moves_of(frame.to_dicts()), EXPECTED)
frame = pandas.read_json("moves.ndjson", lines=True, dtype={"external_id": str}, convert_dates=["effective_at"])
check("pandas: NDJSON", moves_of(frame.to_dict("records")), EXPECTED)

# Excel
frame = pandas.read_excel("customers.xlsx", dtype={"external_id": str, "phone": str})
check("Excel: telephones", sorted(frame["phone"]), sorted({f"+86139{int(row[0]):08}" for row in ROWS}))
check("Excel: codes", sorted(frame["external_id"]), sorted(LATEST))
check("Excel: the sum of amounts", round(decimal.Decimal(frame["amount"].sum()), 2), sum(LATEST.values()))

# The process
log = pm4py.read_xes("moves.xes")
check("PM4Py: XES: events and cases", (len(log), log["case:concept:name"].nunique()), (len(ROWS), 300))
graph, start, end = pm4py.discover_dfg(log)
flows, starts, ends = Counter(), Counter(), Counter()
for case in range(300):
    path = [row[1] for row in ROWS if row[0] == f"{case:05}"]
    flows.update(zip(path, path[1:]))
    starts[path[0]] += 1
    ends[path[-1]] += 1
check("PM4Py: XES: what directly follows what", (dict(graph), dict(start), dict(end)),
      (dict(flows), dict(starts), dict(ends)))
ocel = pm4py.read_ocel2_json("moves.json")
check("PM4Py: OCEL: events", len(ocel.events), len(ROWS))
check("PM4Py: OCEL: objects by type", dict(ocel.objects["ocel:type"].value_counts()),
      {"customer": 300, "journey": 300, "rep": len({row[3] for row in ROWS}), "pipeline_version": 1} | (
          {"pool": 1} if any(o["type"] == "pool" for o in json.load(open("moves.json"))["objects"]) else {}))
try:
    import r4pm
    read = getattr(r4pm, "import_xes", None)
    if read:
        frame = read("moves.xes")
        frame = frame[0] if isinstance(frame, tuple) else frame
        check("r4pm: XES: events", len(frame), len(ROWS))
except ImportError:
    print("r4pm is not installed")

# LibreOffice
office = shutil.which("soffice") or shutil.which("libreoffice")
if office:
    subprocess.run([office, "--headless", "--convert-to", "csv", "customers.xlsx", "--outdir", "office"], check=True,
                   capture_output=True)
    with open("office/customers.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    check("LibreOffice: rows and telephones", sorted(row["phone"] for row in rows),
          sorted({f"+86139{int(row[0]):08}" for row in ROWS}))
else:
    print("LibreOffice is not installed")
sys.exit(1 if FAILED else 0)
