#!/usr/bin/env bash
# lifelines 0.30.0: `restricted_mean_survival_time(…, return_variance=True)` gives the variance of the restricted
# lifetime, that is of single customers, and not that of the mean: it does not become smaller with more observations. An
# interval of the mean made of its root is too wide, the more so the more observations there are. Of the seven durations below it is 9.3827, where the
# squared standard error of R's survival package is 1.1877² = 1.4105. The documentation does not say which it is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check lifelines==0.30.0
venv/bin/python -W ignore - <<'EOF'
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

durations, ended = [2, 3, 5, 6, 8, 10, 12], [1, 1, 0, 1, 1, 0, 1]


def of(times):
    curve = KaplanMeierFitter().fit(durations * times, ended * times)
    return restricted_mean_survival_time(curve, t=10, return_variance=True)


# Greenwood's formula for the area (R's survfit, rmean=10): the sum over events of (area behind)² d / (n (n − d)).
curve, error, left = 1.0, 0.0, {}
steps = [(2, 7, 1), (3, 6, 1), (6, 4, 1), (8, 3, 1)]
for time, risk, events in steps:
    curve *= 1 - events / risk
    left[time] = curve
for time, risk, events in steps:
    times = [at for at in left if at >= time] + [10]
    behind = sum(left[one] * (other - one) for one, other in zip(times, times[1:]))
    error += behind**2 * events / (risk * (risk - events))
for times in (1, 100):
    mean, variance = of(times)
    print(f"{7 * times:3} durations: mean {mean:.6f} variance {variance:.6f}")
    assert abs(mean - 6.785714) < 1e-6 and abs(variance - 9.382653) < 1e-6, "the behaviour has changed"
print(f"squared standard error of the mean of 7: {error:.6f}, of 700: {error / 100:.6f}")
assert abs(error - 1.187658**2) < 1e-5
EOF
