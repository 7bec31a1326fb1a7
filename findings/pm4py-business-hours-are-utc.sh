#!/usr/bin/env bash
# PM4Py 2.7.23.11 counts working time from Monday to Friday, 7:00 to 17:00, by the clock of UTC: its readers of XES turn all
# instants to UTC, whatever offset was written, and its business hours look at the clock alone. What was done in Shanghai
# between 9:00 and 11:00 (+08:00) lasted 0 seconds in business hours, and what was done there between 17:00 and 19:00 two
# hours. With the column of instants turned to the zone of the office first (`dt.tz_convert`) both are right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pm4py==2.7.23.11 pandas==3.1.1
cat >seen.py <<'EOF'
import pm4py


def log(first, last):
    with open("log.xes", "w", encoding="utf-8") as file:
        file.write('<log xes.version="1849-2016" xmlns="http://www.xes-standard.org/">\n<trace>\n')
        file.write('<string key="concept:name" value="1"/>\n')
        for name, time in (("contacted", first), ("quoted", last)):
            file.write(f'<event>\n<string key="concept:name" value="{name}"/>\n')
            file.write(f'<date key="time:timestamp" value="{time}"/>\n</event>\n')
        file.write("</trace>\n</log>\n")
    return pm4py.read_xes("log.xes")


# A Wednesday, in Shanghai.
for first, last, expected in (("09:00", "11:00", 0), ("17:00", "19:00", 7200)):
    table = log(f"2026-11-04T{first}:00+08:00", f"2026-11-04T{last}:00+08:00")
    (seen,) = pm4py.get_all_case_durations(table, business_hours=True)
    table["time:timestamp"] = table["time:timestamp"].dt.tz_convert("Asia/Shanghai")
    (turned,) = pm4py.get_all_case_durations(table, business_hours=True)
    print(f"seen: {first} to {last}: {seen:g} seconds of working time, turned to Shanghai {turned:g}")
    assert (seen, turned) == (expected, 7200 - expected), "the behaviour has changed"
EOF
venv/bin/python -W ignore seen.py >out.txt 2>err.txt || { cat out.txt err.txt; exit 1; }
grep '^seen' out.txt
