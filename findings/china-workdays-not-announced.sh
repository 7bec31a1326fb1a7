#!/usr/bin/env bash
# Days off and make-up workdays (调休) in China are announced for a year near the end of the one before. What three
# libraries say of Saturday 2026-02-14, a workday by the announcement, and of 2027, of which they hold no announcement:
# - chinese_calendar 1.11.0: a workday; refuses 2027;
# - holidays 0.109: a workday; answers for 2027 by rule, without a single make-up workday and without a warning, and its
#   list of make-up workdays of one year holds days of 2001 to 2011 as well;
# - workalendar 17.0.0: refuses Mondays to Fridays of every year after 2023, and says without a word of that Saturday
#   that it is no workday.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check holidays==0.109 chinese_calendar==1.11.0 workalendar==17.0.0
venv/bin/python -W ignore - <<'EOF'
from datetime import date, timedelta

import chinese_calendar
import holidays
from workalendar.asia import China

made_up = date(2026, 2, 14)


def year(number):
    return (date(number, 1, 1) + timedelta(days=day) for day in range(365))


def refuses(question):
    try:
        question()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    raise SystemExit("it answers: the behaviour has changed")


print("chinese_calendar, 2026-02-14:", chinese_calendar.is_workday(made_up))
print("chinese_calendar, 2027:", refuses(lambda: chinese_calendar.is_workday(date(2027, 2, 13))))
assert chinese_calendar.is_workday(made_up)

table = holidays.country_holidays("CN", years=2026)
print("holidays, 2026-02-14:", table.is_working_day(made_up))
others = sorted({day.year for day in table.weekend_workdays if day.year != 2026})
print("holidays, make-up workdays when asked for 2026 are of these years too:", others)
assert table.is_working_day(made_up) and others == [2001, 2005, 2006, 2011]

table = holidays.country_holidays("CN", years=2027)
at_weekends = [day for day in year(2027) if day.weekday() >= 5 and table.is_working_day(day)]
print("holidays, 2027: days off", len([day for day in table if day.year == 2027]), "make-up workdays", len(at_weekends))
assert not at_weekends and len(table) == 19

print("workalendar, 2026-02-13:", refuses(lambda: China().is_working_day(date(2026, 2, 13))))
print("workalendar, 2026-02-14:", China().is_working_day(made_up))
assert not China().is_working_day(made_up)
EOF
