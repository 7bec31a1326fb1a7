#!/usr/bin/env bash
# Workdays of China by two libraries of npm, compared with the announcements of the State Council as chinese_calendar
# 1.11.0 has them: chinese-days 1.5.7 agrees on every day from 2018 to 2026, make-up workdays included; chinese-workday
# 1.16.1 is wrong on four (2018-01-01 and the prolonged New Year of 2020 are workdays to it, 2023-01-03 is a day off). Of
# 2027, which is not announced yet, both say that every Monday to Friday is a workday, 1 January and the Spring Festival
# included. It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check chinese_calendar==1.11.0
npm install --silent --no-audit --no-fund --prefix . chinese-days@1.5.7 chinese-workday@1.16.1
cat >days.mjs <<'EOF'
import days from 'chinese-days';
import { isWorkday } from 'chinese-workday';

const end = Date.UTC(2028, 0, 1);
for (let at = Date.UTC(2018, 0, 1); at < end; at += 86400000) {
  const day = new Date(at).toISOString().slice(0, 10);
  console.log(day, days.isWorkday(day), isWorkday(day));
}
EOF
TZ=Asia/Shanghai node days.mjs >days.txt
venv/bin/python - <<'EOF'
from datetime import date

import chinese_calendar

wrong = {"chinese-days": [], "chinese-workday": []}
for line in open("days.txt"):
    day, *answers = line.split()
    day = date.fromisoformat(day)
    if day.year < 2027:
        right = chinese_calendar.is_workday(day)
    else:
        right = day.weekday() < 5
    for library, answer in zip(wrong, answers):
        if (answer == "true") != right:
            wrong[library].append(str(day))
for library, days in wrong.items():
    print(f"{library}: not as announced, or in 2027 not by the day of the week:", *days or ["none"])
assert wrong == {"chinese-days": [], "chinese-workday": ["2018-01-01", "2020-01-31", "2020-02-01", "2023-01-03"]}
EOF
