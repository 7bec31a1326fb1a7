#!/usr/bin/env bash
# Cumulative incidences of competing outcomes with durations in whole days, by lifelines 0.30.0. Where events of two kinds
# fall on one day, and one of them is the only one of its kind on that day, it shifts all events by chance (with a
# warning): by little, but so that now the event, now a deal that is still open comes first. Of the twelve deals below, of
# which six are still open after the day on which five were won and one was lost, the share won is 5/12 = 0.4167 by
# definition and in scikit-survival 0.28.0; lifelines answers with figures from there to 0.9167, another one from run to
# run, and with 0.8 on the average. A seed that was set before does not help: it seeds the generator of numpy again, from
# the system. With one more lost deal nothing is shifted, and the figure is right. Who gives it `seed=` gets one of the
# wrong figures for good.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check lifelines==0.30.0 scikit-survival==0.28.0 pandas==3.1.1
venv/bin/python -W ignore - <<'EOF'
import numpy
from lifelines import AalenJohansenFitter
from sksurv.nonparametric import cumulative_incidence_competing_risks

WON, LOST, OPEN = 1, 2, 0


def shares(lost):
    outcomes = numpy.array([WON] * 5 + [LOST] * lost + [OPEN] * 6)
    durations = numpy.ones(len(outcomes))
    exact = cumulative_incidence_competing_risks(outcomes, durations)[1][1][-1]
    seen = []
    for _ in range(300):
        numpy.random.seed(1)
        fitter = AalenJohansenFitter(calculate_variance=False).fit(durations, outcomes, event_of_interest=WON)
        seen.append(fitter.cumulative_density_.iloc[-1, 0])
    seen = numpy.array(seen)
    kinds = len(set(seen.round(9)))
    print(f"{lost} lost: scikit-survival {exact:.4f}")
    print(f"  lifelines {seen.min():.4f} to {seen.max():.4f}, {kinds} figures, mean {seen.mean():.4f}")
    return exact, seen, kinds


exact, seen, kinds = shares(lost=1)
assert abs(exact - 5 / 12) < 1e-12
assert kinds >= 5 and seen.max() > exact + 0.3 and seen.mean() > exact + 0.2, "the behaviour has changed"
exact, seen, kinds = shares(lost=2)
assert kinds == 1 and abs(seen[0] - exact) < 1e-12
EOF
