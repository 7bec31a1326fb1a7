#!/usr/bin/env bash
# A stream of Server-Sent Events with comments as heartbeats. By the standard (WHATWG HTML, "Interpreting an event stream") an
# event without data is not dispatched, and an event without an id has that of the last one that had one.
# - httpx-sse 0.4.3: once any event had an id, each heartbeat comes out as an event `message` with empty data and the id
#   of the event before it, and so does a lone id. A loop that parses the data of each event fails at the first heartbeat;
# - @microsoft/fetch-event-source 2.0.1: each heartbeat comes out as a message with empty data, and without an id;
# - eventsource 4.1.1 passes heartbeats over, and resumes rightly, but says of an event without an id that the id is empty.
# It needs Node.js.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check httpx==0.28.1 httpx-sse==0.4.3
npm install --silent --no-audit --no-fund --prefix . eventsource@4.1.1 @microsoft/fetch-event-source@2.0.1
printf 'id: 1\ndata: one\n\n: heartbeat\n\ndata: two\n\n: heartbeat\n\n' >stream.txt

cat >seen.py <<'EOF'
import httpx
from httpx_sse import EventSource

answer = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=open("stream.txt", "rb").read())
for event in EventSource(answer).iter_sse():
    print("httpx-sse", repr(event.id), repr(event.data))
EOF
cat >seen.mjs <<'EOF'
import fs from 'node:fs';
import http from 'node:http';
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource } from 'eventsource';

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(fs.readFileSync('stream.txt'));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const address = `http://127.0.0.1:${server.address().port}/`;
// What the former expects of a browser.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
await fetchEventSource(address, {
  openWhenHidden: true,
  onmessage: (event) => console.log(`fetch-event-source '${event.id}' '${event.data}'`),
});
const source = new EventSource(address);
source.onmessage = (event) => {
  console.log(`eventsource '${event.lastEventId}' '${event.data}'`);
  if (event.data === 'two') {
    source.close();
    server.close();
    server.closeAllConnections();
  }
};
EOF
venv/bin/python seen.py | tee seen.txt
node seen.mjs | tee -a seen.txt
diff seen.txt - <<'EOF'
httpx-sse '1' 'one'
httpx-sse '1' ''
httpx-sse '1' 'two'
httpx-sse '1' ''
fetch-event-source '1' 'one'
fetch-event-source '' ''
fetch-event-source '' 'two'
fetch-event-source '' ''
eventsource '1' 'one'
eventsource '' 'two'
EOF
