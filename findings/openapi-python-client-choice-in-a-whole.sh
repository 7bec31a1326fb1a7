#!/usr/bin/env bash
# What an answer has in common beside a choice of reports, said as a whole of both (`allOf` of a schema with `oneOf`, and of an
# object), is valid JSON Schema, and what serialization frameworks describe for a flattened choice. openapi-python-client
# 0.29.1 makes no model of it ("Cannot take allOf a non-object"): the client is generated with exit code 0 and a warning,
# and its function for the operation returns nothing of an answer that came with 200. A choice of wholes, the other way
# round, is generated, and read. So a report in groups is described as a choice of reports in groups.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check openapi-python-client==0.29.1 openapi-spec-validator==0.7.2
cat >make.py <<'EOF'
import json
import sys

NAMED = {"type": "object", "required": ["hours"], "properties": {"hours": {"type": "integer"}}}
OTHER = {"type": "object", "required": ["days"], "properties": {"days": {"type": "integer"}}}
GROUPS = {"type": "object", "properties": {"groups": {"type": "array", "items": {"type": "string"}}}}
ref = lambda name: {"$ref": f"#/components/schemas/{name}"}
schemas = {"Hours": NAMED, "Days": OTHER}
if sys.argv[1] == "whole":
    schemas |= {"Either": {"oneOf": [ref("Hours"), ref("Days")]}, "Report": {"allOf": [ref("Either"), GROUPS]}}
else:
    schemas |= {
        "HoursInGroups": {"allOf": [ref("Hours"), GROUPS]},
        "DaysInGroups": {"allOf": [ref("Days"), GROUPS]},
        "Report": {"oneOf": [ref("HoursInGroups"), ref("DaysInGroups")]},
    }
answer = {"description": "A report.", "content": {"application/json": {"schema": ref("Report")}}}
operation = {"operationId": "get_report", "responses": {"200": answer}}
document = {
    "openapi": "3.1.0",
    "info": {"title": "Reports", "version": "1"},
    "paths": {"/report": {"get": operation}},
    "components": {"schemas": schemas},
}
json.dump(document, open(f"{sys.argv[1]}.json", "w"))
EOF

for form in whole choice; do
    venv/bin/python make.py "$form"
    venv/bin/openapi-spec-validator "$form.json" >/dev/null
    venv/bin/openapi-python-client generate --path "$form.json" --output-path "$form" --meta none >"$form.log" 2>&1
    models=$(find "$form/models" -name '*in_groups*.py' -o -name 'report*.py' | wc -l)
    warned=$(grep -c 'Cannot take allOf a non-object' "$form.log" || true)
    read_by=$(grep -c 'from_dict' "$form/api/default/get_report.py" || true)
    echo "$form: warnings $warned, models $models, reads the answer $((read_by > 0))"
done | tee seen
grep -qx 'whole: warnings 1, models 0, reads the answer 0' seen
grep -qx 'choice: warnings 0, models 2, reads the answer 1' seen
