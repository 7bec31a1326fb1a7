"""pandas, Polars, pyarrow, PM4Py, r4pm and LibreOffice read what was exported."""
import csv, decimal, os, shutil, subprocess
from collections import Counter

import pandas, pm4py, polars, pyarrow, r4pm
import pyarrow.parquet

from made import AMOUNTS, CASES, EVENTS, MOVES, ROWS, STAYS, TELEPHONES, check, flows, moves_of

# Parquet
table = pyarrow.parquet.read_table("moves.parquet")
check("pyarrow: types", {name: str(table.schema.field(name).type) for name in
      ("external_id", "stage", "effective_at", "cycle", "repeats")},
      {"external_id": "string", "stage": "string", "effective_at": "timestamp[us, tz=UTC]", "cycle": "int64",
       "repeats": "bool"})
check("pyarrow: moves to the microsecond", moves_of(table.to_pylist()), MOVES)
customers = pyarrow.parquet.read_table("customers.parquet")
check("pyarrow: amounts are decimals", str(customers.schema.field("amount").type), "decimal128(38, 6)")
check("pyarrow: amounts", {one["external_id"]: one["amount"] for one in customers.to_pylist()}, AMOUNTS)
check("pandas: Parquet", moves_of(pandas.read_parquet("moves.parquet").to_dict("records")), MOVES)
check("Polars: Parquet", moves_of(polars.read_parquet("moves.parquet").to_dicts()), MOVES)

# CSV and NDJSON
frame = pandas.read_csv("moves.csv", dtype={"external_id": str}, parse_dates=["effective_at"])
check("pandas: CSV, instants parsed", moves_of(frame.to_dict("records")), MOVES)
frame = polars.read_csv("moves.csv", try_parse_dates=True, schema_overrides={"external_id": polars.String})
check("Polars: CSV", moves_of(frame.to_dicts()), MOVES)
frame = pandas.read_json("moves.ndjson", lines=True, dtype={"external_id": str}, convert_dates=["effective_at"])
check("pandas: NDJSON", moves_of(frame.to_dict("records")), MOVES)

# Excel
frame = pandas.read_excel("customers.xlsx", dtype={"external_id": str, "phone": str})
check("pandas: xlsx: telephones", sorted(frame["phone"]), TELEPHONES)
check("pandas: xlsx: codes", sorted(frame["external_id"]), sorted(AMOUNTS))
check("pandas: xlsx: the sum of amounts", round(decimal.Decimal(frame["amount"].sum()), 2), sum(AMOUNTS.values()))

# The process
reported = flows()
log = pm4py.read_xes("stays.xes")
check("PM4Py: XES of stays: events and cases", (len(log), log["case:concept:name"].nunique()), (STAYS, CASES))
check("PM4Py: XES of stays: what directly follows what is what our flows report",
      tuple(dict(part) for part in pm4py.discover_dfg(log)), reported)
log = pm4py.read_xes("moves.xes")
check("PM4Py: XES of moves: events and cases", (len(log), log["case:concept:name"].nunique()), (len(ROWS), CASES))
graph = pm4py.discover_dfg(log)[0]
check("PM4Py: XES of moves: likewise, without what is told twice",
      {pair: count for pair, count in dict(graph).items() if pair[0] != pair[1]}, reported[0])
for kind, events in EVENTS.items():
    ocel = pm4py.read_ocel2_json(f"{kind}.json")
    check(f"PM4Py: OCEL of {kind}: events", len(ocel.events), events)
    types = dict(ocel.objects["ocel:type"].value_counts())
    check(f"PM4Py: OCEL of {kind}: customers and journeys", (types["customer"], types["journey"]), (CASES, CASES))
instants = sorted(pm4py.read_ocel2_json("moves.json").events["ocel:timestamp"])
# It loses that they are UTC.
check("PM4Py: OCEL: instants", instants, sorted(row[2].replace(tzinfo=None) for row in MOVES))
flat = pm4py.ocel_flattening(pm4py.read_ocel2_json("stays.json"), "journey")
check("PM4Py: OCEL of stays by journey: what directly follows what", dict(pm4py.discover_dfg(flat)[0]), reported[0])

for kind, events in EVENTS.items():
    seen = r4pm.item_to_df(r4pm.import_item("EventLog", f"{kind}.xes"))
    check(f"r4pm: XES of {kind}: events", len(seen), events)
    seen = r4pm.item_to_df(r4pm.import_item("OCEL", f"{kind}.json"))
    check(f"r4pm: OCEL of {kind}: events", len(seen["events"]), events)
seen = r4pm.item_to_df(r4pm.import_item("EventLog", "moves.xes"))
check("r4pm: XES: stages", Counter(seen["concept:name"]), Counter(row[1] for row in ROWS))

# LibreOffice
office = shutil.which("soffice") or shutil.which("libreoffice")
print("seen  ", subprocess.run([office, "--version"], capture_output=True, text=True).stdout.strip())
places = ["-env:UserInstallation=file://" + os.path.abspath("profile"), "--headless", "--convert-to"]
for kind in EVENTS:
    subprocess.run([office, *places, 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false', f"{kind}.xlsx",
                    "--outdir", "office"], check=True, capture_output=True)
with open("office/customers.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
check("LibreOffice: telephones", sorted(row["phone"] for row in rows), TELEPHONES)
check("LibreOffice: codes", sorted(row["external_id"] for row in rows), sorted(AMOUNTS))
check("LibreOffice: the sum of amounts", sum(decimal.Decimal(row["amount"]) for row in rows), sum(AMOUNTS.values()))
with open("office/moves.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
check("LibreOffice: moves: stages and instants", sorted((row["external_id"], row["stage"], row["effective_at"]) for row in rows),
      sorted((code, stage, at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")) for code, stage, at in MOVES))
