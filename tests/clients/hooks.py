"""What generated requests need to know of the demo, and what schemathesis does not check by itself."""

import json
import os
import urllib.request
import zlib

import schemathesis

ADDRESS, KEY = os.environ["WAYMARK_ADDRESS"], os.environ["WAYMARK_KEY"]


def fetched(path):
    request = urllib.request.Request(ADDRESS + path, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


CUSTOMERS = [customer["id"] for customer in fetched("/v1/customers?limit=20")["items"]]
# What stands in a path, so that requests get past it.
KNOWN = {
    "pipeline": ["sales"],
    "key": ["sales", "customer_pool"],
    "name": ["board", "dwell", "timeline", "work"],
    "list": ["today", "overdue", "stalled", "push", "give-up", "supervise"],
    "id": CUSTOMERS,
}
# The header that schemathesis adds to see whether it is refused.
UNDECLARED_HEADER = "x-schemathesis-unknown-property"
# The longest wait for a position that the document allows.
LONGEST_WAIT_MS = next(
    parameter["schema"]["maximum"]
    for parameter in fetched("/openapi.json")["paths"]["/v1/customers"]["get"]["parameters"]
    if parameter["name"] == "wait_ms"
)
# What a 503 may be for. None of them is caused by what a request says, beside a position that is not reached.
CAUSES = {"projection-behind", "projection-unavailable", "overloaded", "too-many-connections", "contention"}


@schemathesis.hook
def map_case(context, case):
    """Half of the time what a path names is there. What is meant to be wrong stays wrong."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    for name, value in (case.path_parameters or {}).items():
        dice = zlib.crc32(str(value).encode())
        if name in KNOWN and dice % 2:
            case.path_parameters[name] = KNOWN[name][dice // 2 % len(KNOWN[name])]
    return case


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody waits long for a position that is far ahead: a valid wait may be a minute, longer than the tool listens."""
    if not case.query or "min_position" not in case.query:
        return
    wait = case.query.setdefault("wait_ms", 10)
    try:
        too_long = 10 < int(wait) <= LONGEST_WAIT_MS
    except (TypeError, ValueError):
        return
    if too_long:
        case.query["wait_ms"] = 10


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """What counts as a failure there and is none here."""
    if type(failure).__name__ != "AcceptedNegativeData":
        return True
    # A header that nobody declared is nothing to refuse: any proxy may add one.
    if UNDECLARED_HEADER in (case.headers or {}):
        return False
    # Each of several leads is answered by itself, a wrong one with its problem.
    return not (case.operation.label == "POST /v1/leads" and isinstance(case.body, list))


@schemathesis.serializer("application/x-ndjson", "text/csv")
def as_it_is(context, value):
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.check
def an_unavailable_service_says_why(context, response, case):
    if response.status_code == 503:
        code = response.json().get("code")
        assert code in CAUSES, f"503 {code}: {response.text}"
        assert "retry-after" in response.headers or code == "projection-behind", "no Retry-After"
