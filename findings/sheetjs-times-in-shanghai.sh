#!/usr/bin/env bash
# SheetJS (xlsx 0.18.5 in the npm registry) reads the date-time cells of an .xlsx file with `cellDates`:
# - where the time zone is Asia/Shanghai every one is 43 seconds early, so that midnight belongs to the day before: the
#   offset of 1899-12-30 is taken, when Shanghai was 8:05:43 from Greenwich;
# - in UTC too 14:05:06 becomes 14:05:05.999, which shows as a second less.
# exceljs 4.4.0 reads the same file without either. It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check xlsxwriter==3.3.1
npm install --silent --no-audit --no-fund --prefix . xlsx@0.18.5 exceljs@4.4.0
venv/bin/python - <<'EOF'
from datetime import datetime

import xlsxwriter

book = xlsxwriter.Workbook("moves.xlsx")
sheet = book.add_worksheet()
form = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
sheet.write_datetime("A1", datetime(2026, 11, 3, 14, 5, 6), form)
sheet.write_datetime("A2", datetime(2026, 11, 4), form)
book.close()
EOF
cat >seen.js <<'EOF'
const exceljs = require('exceljs');
const xlsx = require('xlsx');

const two = (number) => String(number).padStart(2, '0');
const day = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const time = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
const book = xlsx.readFile('moves.xlsx', { cellDates: true });
const sheet = book.Sheets[book.SheetNames[0]];
for (const cell of ['A1', 'A2']) console.log('xlsx', process.env.TZ, day(sheet[cell].v), time(sheet[cell].v));
new exceljs.Workbook().xlsx.readFile('moves.xlsx').then((book) => {
  for (const cell of ['A1', 'A2']) console.log('exceljs', process.env.TZ, book.worksheets[0].getCell(cell).value.toISOString());
});
EOF
for zone in Asia/Shanghai UTC; do TZ=$zone node seen.js; done | tee seen.txt
diff seen.txt - <<'EOF'
xlsx Asia/Shanghai 2026-11-03 14:04:22
xlsx Asia/Shanghai 2026-11-03 23:59:17
exceljs Asia/Shanghai 2026-11-03T14:05:06.000Z
exceljs Asia/Shanghai 2026-11-04T00:00:00.000Z
xlsx UTC 2026-11-03 14:05:05
xlsx UTC 2026-11-04 00:00:00
exceljs UTC 2026-11-03T14:05:06.000Z
exceljs UTC 2026-11-04T00:00:00.000Z
EOF
