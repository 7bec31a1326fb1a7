#!/usr/bin/env bash
# Canonical JSON (RFC 8785) in JavaScript of an object that has its own `toJSON`, as the events of the CloudEvents SDK
# (cloudevents 10.0.0) do: json-canonicalize 3.0.1 writes what `toJSON` returns in the order in which it comes, at the top
# as further down, so that the hash differs from that of the same document read from text; canonicalize 4.0.0 sorts it. A
# member whose value is a function, which JSON.stringify leaves out, becomes `undefined` in both: text that is no JSON. It
# needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund --prefix . cloudevents@10.0.0 json-canonicalize@3.0.1 canonicalize@4.0.0
cat >seen.mjs <<'EOF'
import canonicalize from 'canonicalize';
import { CloudEvent } from 'cloudevents';
import { canonicalize as jsonCanonicalize } from 'json-canonicalize';

const time = '2026-11-03T14:05:06.000Z';
const event = new CloudEvent({ type: 'moved', source: '/log', id: '1', time });
const text = JSON.parse(JSON.stringify(event));
for (const [name, write] of Object.entries({ canonicalize, 'json-canonicalize': jsonCanonicalize })) {
  console.log(`${name}: ${write(event)}`);
  console.log(`${name}: the same as of its text: ${write(event) === write(text)}`);
  console.log(`${name}: ${write({ amount: 1, show() {} })}`);
}
EOF
node seen.mjs | tee seen.txt
diff seen.txt - <<'EOF'
canonicalize: {"id":"1","source":"/log","specversion":"1.0","time":"2026-11-03T14:05:06.000Z","type":"moved"}
canonicalize: the same as of its text: true
canonicalize: {"amount":1,"show":undefined}
json-canonicalize: {"id":"1","time":"2026-11-03T14:05:06.000Z","type":"moved","source":"/log","specversion":"1.0"}
json-canonicalize: the same as of its text: false
json-canonicalize: {"amount":1,"show":undefined}
EOF
