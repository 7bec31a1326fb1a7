#!/usr/bin/env bash
# Extension attributes of a CloudEvent that are an integer or a boolean, written in the binary mode by the SDK for Python
# (cloudevents 2.2.0). By the type system of CloudEvents the headers are `ce-position: 5` and `ce-late: true`.
# - `cloudevents.v1` gives an int and a bool as the values of headers, which httpx 0.28.1 refuses to send;
# - `cloudevents.core` writes `True`, which is no boolean of CloudEvents (`true` and `false` in lower case);
# - read again by `cloudevents.core` both are text, unlike those of the structured mode.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check cloudevents==2.2.0 httpx==0.28.1
venv/bin/python -W ignore - <<'EOF'
import httpx
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary
from cloudevents.v1.http import from_json

headers, body = to_binary(
    from_json('{"specversion":"1.0","id":"1","source":"/log","type":"moved","position":5,"late":true,"data":{}}')
)
seen = {name: headers[name] for name in ("ce-position", "ce-late")}
print("cloudevents.v1:", seen)
assert seen == {"ce-position": 5, "ce-late": True} and isinstance(seen["ce-position"], int)
try:
    httpx.Request("POST", "http://127.0.0.1/", headers=headers, content=body)
except TypeError as error:
    print("httpx:", error)
else:
    raise SystemExit("httpx takes them: the behaviour has changed")

event = CloudEvent({"id": "1", "source": "/log", "type": "moved", "specversion": "1.0", "position": 5, "late": True}, {})
message = http.to_binary_event(event)
seen = {name: message.headers[name] for name in ("ce-position", "ce-late")}
print("cloudevents.core:", seen)
assert seen == {"ce-position": "5", "ce-late": "True"}
back = http.from_binary_event(message).get_attributes()
print("read again:", {name: back[name] for name in ("position", "late")})
assert (back["position"], back["late"]) == ("5", "True")
EOF
