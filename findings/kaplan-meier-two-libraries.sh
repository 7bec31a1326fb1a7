#!/usr/bin/env bash
# The same Kaplan-Meier estimate by lifelines 0.30.0 and statsmodels 0.15.0:
# 1. where the curve stands exactly on one half, lifelines answers with the first time at which it is there as the median,
#    statsmodels with the time at which it leaves it (the survival package of R answers with the middle of the two);
# 2. where the last observation is an event, lifelines closes the band to [0, 0] there, so that the upper limit of its
#    median is that time, and statsmodels gives the same limit; in R the band does not exist where the estimate is 0;
# 3. with delayed entry, the column `at_risk` of lifelines' event table counts those who enter at that very instant, whom
#    its own estimate leaves out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check lifelines==0.30.0 statsmodels==0.15.0
venv/bin/python -W ignore - <<'EOF'
import numpy
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times
from statsmodels.duration.survfunc import SurvfuncRight


def both(durations, entry=None):
    seen = numpy.ones(len(durations))
    return (
        KaplanMeierFitter().fit(durations, seen, entry=entry),
        SurvfuncRight(numpy.array(durations, float), seen, entry=entry),
    )


print("1. durations 1, 2, 3, 4: the curve is 0.5 from 2 until 3")
ours, theirs = both([1, 2, 3, 4])
print("   median: lifelines", ours.median_survival_time_, "statsmodels", theirs.quantile(0.5))
assert (ours.median_survival_time_, theirs.quantile(0.5)) == (2, 3)

print("2. durations 1, 2, 3: the last one is an event")
ours, theirs = both([1, 2, 3])
band = ours.confidence_interval_.loc[3].tolist()
limits = median_survival_times(ours.confidence_interval_).values.ravel().tolist()
other = [float(limit) for limit in theirs.quantile_ci(0.5)]
print("   lifelines' band at 3:", band, "limits of the median:", limits, "statsmodels' limits:", other)
assert (band, limits, other) == ([0, 0], [1, 3], [1, 3])

print("3. durations 2, 5, 6, 7, entered at 0, 2, 1, 0: one enters at 2, when the first one leaves")
ours, theirs = both([2, 5, 6, 7], numpy.array([0.0, 2, 1, 0]))
at_risk, estimate = int(ours.event_table.at_risk[2]), float(ours.survival_function_.KM_estimate[2])
print("   lifelines: at risk", at_risk, "estimate", round(estimate, 6), "statsmodels: at risk", int(theirs.n_risk[0]))
assert at_risk == 4 and abs(estimate - 2 / 3) < 1e-12 and theirs.n_risk[0] == 3
EOF
