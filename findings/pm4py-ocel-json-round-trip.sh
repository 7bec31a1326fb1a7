#!/usr/bin/env bash
# PM4Py 2.7.23.11 reads a valid OCEL 2.0 JSON log and writes it again. What the second file says otherwise:
# 1. instants of events lose their fraction, so that two events of the same second can no longer be distinguished by time
#    (the instant of a changed attribute keeps it);
# 2. of the declared types integer becomes `float`, boolean `string`, and time `date`, which OCEL 2.0 does not have;
# 3. an event without objects and an object without events or relations are gone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pm4py==2.7.23.11 pandas==3.1.1
venv/bin/python -W ignore - >out.txt 2>err.txt <<'EOF' || { cat out.txt err.txt; exit 1; }
import json

import pm4py

START = "1970-01-01T00:00:00Z"
log = {
    "objectTypes": [
        {
            "name": "customer",
            "attributes": [
                {"name": "stage", "type": "string"},
                {"name": "amount", "type": "float"},
                {"name": "visits", "type": "integer"},
                {"name": "due", "type": "time"},
            ],
        },
        {"name": "pool", "attributes": []},
    ],
    "eventTypes": [{"name": "moved", "attributes": [{"name": "late", "type": "boolean"}]}],
    "objects": [
        {
            "id": "c1",
            "type": "customer",
            "attributes": [
                {"name": "stage", "time": START, "value": "lead"},
                {"name": "amount", "time": START, "value": "12.5"},
                {"name": "visits", "time": START, "value": "3"},
                {"name": "due", "time": START, "value": "2026-11-30T00:00:00Z"},
                {"name": "stage", "time": "2026-11-03T14:05:06.123456Z", "value": "won"},
            ],
        },
        {"id": "north", "type": "pool"},
    ],
    "events": [
        {
            "id": name,
            "type": "moved",
            "time": time,
            "attributes": [{"name": "late", "value": "false"}],
            "relationships": [{"objectId": "c1", "qualifier": "customer"}] if related else [],
        }
        for name, time, related in [
            ("e1", "2026-11-03T14:05:06.123456Z", True),
            ("e2", "2026-11-03T14:05:06.123457Z", True),
            ("e3", "2026-11-03T14:05:07Z", False),
        ]
    ],
}
json.dump(log, open("first.json", "w"))
pm4py.write_ocel2_json(pm4py.read_ocel2_json("first.json"), "second.json")
again = json.load(open("second.json"))

times = [event["time"] for event in again["events"]]
change = [value["time"] for value in again["objects"][0]["attributes"] if value["value"] == "won"]
print("1. instants of events:", times, "of the change:", change)
assert times == ["2026-11-03T14:05:06Z"] * 2 and change[0].startswith("2026-11-03T14:05:06.123456")

types = {a["name"]: a["type"] for kind in again["objectTypes"] + again["eventTypes"] for a in kind["attributes"]}
print("2. types:", types)
assert types == {"stage": "string", "amount": "float", "visits": "float", "due": "date", "late": "string"}

left = [event["id"] for event in again["events"]], [thing["id"] for thing in again["objects"]]
print("3. events and objects:", *left)
assert left == (["e1", "e2"], ["c1"])
EOF
grep -E '^[123]\.' out.txt
