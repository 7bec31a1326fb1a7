#!/usr/bin/env bash
# XES (IEEE 1849) read as a table, by PM4Py 2.7.23.11 in five of its readers (of its own, rustxes, r4pm) alike:
# - two traces that have one name, as the two journeys of one customer may have (names need not be unique), are one case: what
#   happened last in the first is followed by what begins the second;
# - a trace without events, of a customer who has only been registered, is gone;
# - an `int` above 2^53 becomes another number as soon as one event has no such attribute: 9007199254740993 ends with 2;
# - the default of an attribute that `<global>` declares is given to no event that leaves it out.
# rustxes 0.2.11 by itself keeps the integer.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pm4py==2.7.23.11 pandas==3.1.1 rustxes==0.2.11 r4pm==0.6.2
cat >log.xes <<'EOF'
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="event">
    <string key="concept:name" value=""/>
    <date key="time:timestamp" value="1970-01-01T00:00:00Z"/>
    <string key="team" value="east"/>
  </global>
  <trace>
    <string key="concept:name" value="customer 1"/>
    <event>
      <string key="concept:name" value="won"/>
      <date key="time:timestamp" value="2026-11-03T14:05:06Z"/>
      <int key="order" value="9007199254740993"/>
    </event>
  </trace>
  <trace>
    <string key="concept:name" value="customer 2"/>
  </trace>
  <trace>
    <string key="concept:name" value="customer 1"/>
    <event>
      <string key="concept:name" value="lead"/>
      <date key="time:timestamp" value="2026-11-10T09:00:00Z"/>
    </event>
  </trace>
</log>
EOF
cat >seen.py <<'EOF'
import pm4py
import rustxes

for reader in ("iterparse", "iterparse_20", "chunk_regex", "rustxes", "r4pm"):
    table = pm4py.read_xes("log.xes", variant=reader)
    flows = pm4py.discover_dfg(table)[0]
    cases = sorted(set(table["case:concept:name"]))
    print(f"seen: {reader:12}", cases, dict(flows), int(table["order"][0]), "team" in table)
    assert cases == ["customer 1"] and dict(flows) == {("won", "lead"): 1}, "cases have changed"
    assert int(table["order"][0]) == 9007199254740992 and "team" not in table, "attributes have changed"
assert rustxes.import_xes("log.xes")[0]["order"][0] == 9007199254740993
EOF
venv/bin/python -W ignore seen.py >out.txt 2>err.txt || { cat out.txt err.txt; exit 1; }
grep '^seen' out.txt
