#!/usr/bin/env bash
# PM4Py 2.7.23.11 has several readers of XES (IEEE 1849). An event with a list attribute of two strings of the same key,
# as the standard allows, comes out of each of them in another way: both values, an empty list, the last value alone,
# or no attribute at all. None of them warns. Tags in an export are better written as one string.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pm4py==2.7.23.11 pandas==3.1.1
cat >log.xes <<'EOF'
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <trace>
    <string key="concept:name" value="case 1"/>
    <event>
      <string key="concept:name" value="quoted"/>
      <date key="time:timestamp" value="2026-11-03T14:05:06.123456Z"/>
      <list key="tags"><values><string key="tag" value="a"/><string key="tag" value="b"/></values></list>
    </event>
  </trace>
</log>
EOF
venv/bin/python -W ignore - <<'EOF' 2>/dev/null | grep -v -E '^.?\[|PM4Py|https?:|License|^ *$|AGPL|commercial|Docs|Business'
import pm4py

expected = {
    "iterparse": [("tag", "a"), ("tag", "b")],
    "iterparse_20": [],
    "chunk_regex": {"tag": "b"},
    "line_by_line": None,
}
for reader, children in expected.items():
    table = pm4py.read_xes("log.xes", variant=reader)
    seen = table["tags"][0]["children"] if "tags" in table else None
    print(f"{reader:13} {seen}")
    assert seen == children, f"{reader} has changed: {seen}"
EOF
