#!/usr/bin/env bash
# Two libraries for canonical JSON by RFC 8785, given an integer that a double cannot hold: jcs 0.2.1 writes another
# number without a word (9007199254740993 becomes 9007199254740992, 10^30 becomes 1e+30), rfc8785 0.1.4 raises an error,
# for 2^53 itself too, which a double does hold. They agree on doubles and on the order of keys. Who hashes canonical
# JSON should keep such numbers as strings.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check jcs==0.2.1 rfc8785==0.1.4
venv/bin/python - <<'EOF'
import jcs
import rfc8785


def written(value):
    try:
        strict = rfc8785.dumps(value).decode()
    except rfc8785.IntegerDomainError as error:
        strict = type(error).__name__
    return jcs.canonicalize(value).decode(), strict


expected = {
    2**53 - 1: ("9007199254740991", "9007199254740991"),
    2**53: ("9007199254740992", "IntegerDomainError"),
    2**53 + 1: ("9007199254740992", "IntegerDomainError"),
    10**30: ("1e+30", "IntegerDomainError"),
}
for number, answers in expected.items():
    seen = written(number)
    print(f"{number}: jcs {seen[0]}, rfc8785 {seen[1]}")
    assert seen == answers, "the behaviour has changed"
for value in (-0.0, 1e21, 1e-7, 5e-324, {"\ufb33": 1, "\U0001f600": 2}):
    one, other = written(value)
    assert one == other, "they no longer agree"
EOF
