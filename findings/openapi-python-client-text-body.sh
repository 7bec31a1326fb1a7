#!/usr/bin/env bash
# openapi-python-client 0.29.1, a body of the content type text/csv whose schema is {"type": "string"}:
# 1. the operation is left out with a warning, and the exit code is 0;
# 2. with content_type_overrides text/csv -> application/octet-stream it is generated, takes `body: str`, and reads
#    `body.payload`, which a str does not have;
# 3. with "format": "binary" in the schema it takes a File, which has one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check openapi-python-client==0.29.1
PATH="$work/venv/bin:$PATH"

document() {
    cat <<EOF
{"openapi": "3.1.0", "info": {"title": "files", "version": "1"}, "paths": {"/files": {"post": {
  "operationId": "send_file", "tags": ["files"],
  "requestBody": {"required": true, "content": {"text/csv": {"schema": $1}}},
  "responses": {"204": {"description": "Taken."}}}}}}
EOF
}
document '{"type": "string"}' >text.json
document '{"type": "string", "format": "binary"}' >binary.json
printf 'content_type_overrides:\n  text/csv: application/octet-stream\n' >overrides.yaml
generate() { openapi-python-client generate --meta none "$@"; }

echo '1. as it is:'
generate --path text.json --output-path plain 2>&1 | grep 'Endpoint will not be generated'
[ ! -e plain/api/files/send_file.py ]

echo '2. sent as bytes, by content_type_overrides:'
generate --path text.json --output-path text --config overrides.yaml --fail-on-warning >/dev/null
grep -m1 'body: str' text/api/files/send_file.py
grep 'body.payload' text/api/files/send_file.py
python3 - <<'EOF'
from text.api.files import send_file
from text.client import Client

try:
    send_file.sync_detailed(client=Client(base_url="http://127.0.0.1:9"), body="a,b\n")
except AttributeError as error:
    print(error)
else:
    raise SystemExit("a str is sent: the behaviour has changed")
EOF

echo '3. with format: binary:'
generate --path binary.json --output-path binary --config overrides.yaml --fail-on-warning >/dev/null
grep -m1 'body: File' binary/api/files/send_file.py
