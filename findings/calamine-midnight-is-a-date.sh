#!/usr/bin/env bash
# python-calamine 0.9.1 makes a `datetime.date` of a date-time cell of an .xlsx file that happens to be midnight, and a
# `datetime.datetime` of every other one, though all have the same number format with hours: a column of instants comes
# out with two types, and comparing them raises an error. openpyxl 3.1.5 gives `datetime.datetime` for all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check python-calamine==0.9.1 openpyxl==3.1.5 xlsxwriter==3.3.1
venv/bin/python - <<'EOF'
from datetime import datetime

import openpyxl
import python_calamine
import xlsxwriter

book = xlsxwriter.Workbook("moves.xlsx")
sheet = book.add_worksheet()
hours = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
for row, time in enumerate([datetime(2026, 11, 3, 14, 5, 6), datetime(2026, 11, 4), datetime(2026, 11, 4, 0, 0, 1)]):
    sheet.write_datetime(row, 0, time, hours)
book.close()

rows = python_calamine.CalamineWorkbook.from_path("moves.xlsx").get_sheet_by_index(0).to_python()
seen = [type(value).__name__ for (value,) in rows]
print("python-calamine:", seen)
assert seen == ["datetime", "date", "datetime"]
try:
    sorted(value for (value,) in rows)
except TypeError as error:
    print("sorted:", error)
else:
    raise SystemExit("they can be compared: the behaviour has changed")
seen = [type(row[0]).__name__ for row in openpyxl.load_workbook("moves.xlsx").active.iter_rows(values_only=True)]
print("openpyxl:", seen)
assert seen == ["datetime"] * 3
EOF
