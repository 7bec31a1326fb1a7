#!/usr/bin/env bash
# The time of a CloudEvent (optional, RFC 3339) as the SDKs read it from a valid document of the structured mode, and
# write it:
# - where there is none, the one for JavaScript (cloudevents 10.0.0 in npm) and both interfaces of the one for Python
#   (cloudevents 2.2.0 in PyPI) say that it was at the present moment. Each receiver of one event has another time for it;
# - of a leap second (2016-12-31T23:59:60Z) the one for JavaScript makes the present moment as well, without an error;
# - the one for JavaScript cuts all others to milliseconds: an event that is passed on is no longer the one that was
#   signed, and two of one millisecond can no longer be distinguished.
# It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check cloudevents==2.2.0
npm install --silent --no-audit --no-fund --prefix . cloudevents@10.0.0
cat >seen.js <<'EOF'
const { HTTP } = require('cloudevents');

const headers = { 'content-type': 'application/cloudevents+json' };
for (const time of [undefined, '2016-12-31T23:59:60Z', '2026-11-03T14:05:06.123456Z']) {
  const body = JSON.stringify({ specversion: '1.0', id: '1', source: '/log', type: 'moved', time });
  const written = JSON.parse(HTTP.structured(HTTP.toEvent({ headers, body })).body).time;
  const now = Math.abs(new Date(written) - new Date()) < 60000;
  console.log(`JavaScript: ${time ?? 'none'} -> ${now ? 'the present moment' : written}`);
}
EOF
cat >seen.py <<'EOF'
import json
from datetime import datetime, timezone

from cloudevents.core.bindings import http
from cloudevents.v1.conversion import to_json
from cloudevents.v1.http import from_json


def moment(time):
    return "the present moment" if abs((time - datetime.now(timezone.utc)).total_seconds()) < 60 else time


document = json.dumps({"specversion": "1.0", "id": "1", "source": "/log", "type": "moved"})
print("Python, v1: none ->", moment(datetime.fromisoformat(json.loads(to_json(from_json(document)))["time"])))
message = http.HTTPMessage({"content-type": "application/cloudevents+json"}, document.encode())
print("Python, core: none ->", moment(http.from_structured_event(message).get_time()))
EOF
{ node seen.js; venv/bin/python -W ignore seen.py; } | tee seen.txt
diff seen.txt - <<'EOF'
JavaScript: none -> the present moment
JavaScript: 2016-12-31T23:59:60Z -> the present moment
JavaScript: 2026-11-03T14:05:06.123456Z -> 2026-11-03T14:05:06.123Z
Python, v1: none -> the present moment
Python, core: none -> the present moment
EOF
