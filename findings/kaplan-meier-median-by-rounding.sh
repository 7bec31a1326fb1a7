#!/usr/bin/env bash
# Where a survival curve stands exactly on one half between two times, which of them the median is depends on how the product
# of the fractions happens to be rounded, in lifelines 0.30.0 as in statsmodels 0.15.0: of n events at 1, 2, … n (n even;
# the curve is one half from n/2 until n/2 + 1) both answer now with the one, now with the other, and not at the same n.
# Neither compares with a tolerance, as the survival package of R does, whose median is n/2 + 0.5 for all of them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check lifelines==0.30.0 statsmodels==0.15.0
venv/bin/python -W ignore - <<'EOF'
import numpy
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import SurvfuncRight

chosen = {"lifelines": "", "statsmodels": ""}
for n in range(2, 21, 2):
    durations = numpy.arange(1.0, n + 1)
    medians = {
        "lifelines": KaplanMeierFitter().fit(durations).median_survival_time_,
        "statsmodels": SurvfuncRight(durations, numpy.ones(n)).quantile(0.5),
    }
    print(f"{n:2} events:", *(f"{library} {median:g}" for library, median in medians.items()))
    for library, median in medians.items():
        assert median in (n / 2, n / 2 + 1)
        chosen[library] += "first " if median == n / 2 else "last "
assert all({"first", "last"} == set(each.split()) for each in chosen.values()), "one answers alike now"
assert chosen["lifelines"] != chosen["statsmodels"], "they agree now"
EOF
