#!/usr/bin/env bash
# R's survival package (3.5.3) takes durations as one that differ by less than about 1.5e-8 of their size, so that 0.1 +
# 0.2 and 0.3 are a tie. lifelines 0.30.0 and statsmodels 0.15.0 do not. In seconds that is 0.4 s for stays of a year: an
# end that came 0.4 s behind the last that was seen of another deal counts as if both had been there, and the curve is
# another: 0.5 rather than 0.375. `survfit(…, timefix = FALSE)` counts them apart.
# It needs R with the package survival (Debian's r-cran-survival).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check lifelines==0.30.0 statsmodels==0.15.0
cat >seen.R <<'EOF'
library(survival)
if (packageVersion("survival") != "3.5.3") message("another version of survival: ", packageVersion("survival"))
at <- c(31536000, 31536000.4, 30000000, 40000000)
ended <- c(0, 1, 1, 1)
for (fix in c(TRUE, FALSE)) {
  curve <- survfit(Surv(at, ended) ~ 1, timefix = fix)
  cat("R, timefix =", fix, summary(curve, times = 32000000)$surv, "\n")
}
tied <- survfit(Surv(c(0.1 + 0.2, 0.3, 1, 2)) ~ 1)
cat("R, 0.1 + 0.2 and 0.3: events at the first time:", tied$n.event[1], "\n")
EOF
cat >seen.py <<'EOF'
import numpy
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import SurvfuncRight

at, ended = numpy.array([31536000, 31536000.4, 30000000, 40000000]), numpy.array([0, 1, 1, 1])
print("lifelines", round(float(KaplanMeierFitter().fit(at, ended).predict(32000000)), 6))
print("statsmodels", round(float(SurvfuncRight(at, ended).surv_prob[1]), 6))
tied = KaplanMeierFitter().fit([0.1 + 0.2, 0.3, 1, 2])
print("lifelines, 0.1 + 0.2 and 0.3: events at the first time:", int(tied.event_table.observed.iloc[1]))
EOF
{ Rscript seen.R; venv/bin/python -W ignore seen.py; } | tee seen.txt
diff -b seen.txt - <<'EOF'
R, timefix = TRUE 0.5
R, timefix = FALSE 0.375
R, 0.1 + 0.2 and 0.3: events at the first time: 2
lifelines 0.375
statsmodels 0.375
lifelines, 0.1 + 0.2 and 0.3: events at the first time: 1
EOF
