"""Last week's board beside today's, with nothing but the standard library.

    python3 examples/week.py ADDRESS KEY

Every question can be asked for any instant (`effective_at`), and for what was known at any instant (`known_at`).
"""

import datetime
import json
import sys
import urllib.parse
import urllib.request

address, key = sys.argv[1:3]


def ask(path: str, **parameters: str) -> dict:
    """The answer to a question; a refusal is a problem document (RFC 9457) and raises."""
    query = urllib.parse.urlencode(parameters)
    request = urllib.request.Request(f"{address}{path}?{query}", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def counts(**when: str) -> dict[str, int]:
    board = ask("/v1/boards/sales", limit="1", **when)
    return {stage["stage"]: stage["count"] for stage in board["stages"]}


now = datetime.datetime.now(datetime.UTC)
week_ago = (now - datetime.timedelta(days=7)).isoformat(timespec="seconds").replace("+00:00", "Z")
before, today = counts(effective_at=week_ago), counts()
print(f"{'stage':22} {'a week ago':>10} {'now':>6}")
for stage, count in today.items():
    print(f"{stage:22} {before.get(stage, 0):10} {count:6}")
assert sum(today.values()) > 0, "nobody is on the board"
