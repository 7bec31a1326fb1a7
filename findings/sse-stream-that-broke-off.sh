#!/usr/bin/env bash
# A stream of Server-Sent Events that breaks off within an event. By the standard (WHATWG HTML) an event that no empty
# line ends is thrown away, and a lone id is remembered.
# - sseclient-py 1.9.0 gives the piece out as an event, with its id: a client that remembers the id of the last event that
#   it was given resumes behind one that it has not seen whole. An id that comes without data is not given out at all;
# - httpx-sse 0.4.3 throws the piece away. aiosseclient 0.1.8 does too, and ends there without connecting again;
# - aiosseclient parts lines at U+2028 and U+0085 as well, which JSON may have in its strings as they are: what follows
#   them is dropped with a line in the log, and the JSON is cut.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check httpx==0.28.1 httpx-sse==0.4.3 sseclient-py==1.9.0 aiosseclient==0.1.8
venv/bin/python - <<'EOF' 2>/dev/null
import asyncio
import http.server
import threading

import httpx
import sseclient
from aiosseclient import aiosseclient
from httpx_sse import EventSource

STREAM = 'id: 7\ndata: {"note":"one\u2028two"}\n\nid: 8\n\nid: 9\ndata: {"amount":12'.encode()
asked = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.headers.get("Last-Event-ID"))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(STREAM)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()


async def read():
    return [(event.id, event.data) async for event in aiosseclient(f"http://127.0.0.1:{server.server_port}/")]


answer = httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=STREAM)
seen = {
    "sseclient-py": [(event.id, event.data) for event in sseclient.SSEClient([STREAM]).events()],
    "httpx-sse": [(event.id, event.data) for event in EventSource(answer).iter_sse()],
    "aiosseclient": asyncio.run(asyncio.wait_for(read(), 30)),
}
for library, events in seen.items():
    print(f"{library:12}", events)
whole = ("7", '{"note":"one\u2028two"}')
assert seen["sseclient-py"] == [whole, ("9", '{"amount":12')], "sseclient-py has changed"
assert seen["httpx-sse"] == [whole, ("8", "")], "httpx-sse has changed"
assert seen["aiosseclient"] == [("7", '{"note":"one'), ("8", "")], "aiosseclient has changed"
assert asked == [None], "aiosseclient connects again"
EOF
