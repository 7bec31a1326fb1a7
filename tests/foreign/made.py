"""A small history, imported and exported in every format, and what its readers must find."""
import contextlib, csv, datetime, decimal, json, os, random, subprocess, sys, urllib.request

BIN = os.environ["WAYMARK_BIN"]
UTC = datetime.timezone.utc
STAGES = ["New", "已联系", "Offer, long", 'Won "big"']
CASES = 300
FAILED = []


def command(*arguments):
    environment = {**os.environ, "WAYMARK_KEYS": "case.keys"}
    return dict(args=[BIN, *arguments, "--database", "sqlite:case.db"], text=True, env=environment)


def run(*arguments):
    done = subprocess.run(**command(*arguments), capture_output=True)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr}")
    return done.stdout


def check(what, seen, expected):
    if seen == expected:
        print("right ", what)
    else:
        print("WRONG ", what, "\n  seen     ", str(seen)[:500], "\n  expected ", str(expected)[:500])
        FAILED.append(what)


def history():
    """Cases of one to four stages, some of which are told twice."""
    chance = random.Random(7)
    rows = []
    for case in range(CASES):
        at = datetime.datetime(2026, 1, 1, tzinfo=UTC) + datetime.timedelta(minutes=case)
        for stage in STAGES[: chance.randint(1, 4)]:
            for _ in range(1 if chance.random() < 0.8 else 2):
                at += datetime.timedelta(microseconds=chance.randint(1, 10**12))
                rows.append([f"{case:05}", stage, at.isoformat(timespec="microseconds"), chance.choice(["li", "wang", ""]),
                             f"+86139{case:08}", f"{chance.randint(1, 10**9) / 100:.2f}"])
    with open("history.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["deal", "stage", "moved", "who", "tel", "value"])
        writer.writerows(rows)
    return rows


@contextlib.contextmanager
def service():
    """The address of a running service, and a key."""
    key = run("token", "create", "--actor", "analyst:ann", "--role", "analyst").strip()
    server = subprocess.Popen(**command("serve", "--listen", "127.0.0.1:0"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        line = next(line for line in server.stderr if "listening on http" in line)
        yield "http" + line.split("http", 1)[1].split()[0], key
    finally:
        server.terminate()
        server.wait()


def flows():
    """How often each stage directly followed each other, as the service counts it."""
    with service() as (address, key):
        asked = urllib.request.Request(f"{address}/v1/flows/deals", headers={"Authorization": f"Bearer {key}"})
        report = json.load(urllib.request.urlopen(asked))
    pairs = {(flow["from"], flow["to"]): flow["count"] for flow in report["transitions"]}
    return pairs, *({one["stage"]: one["count"] for one in report[name]} for name in ("start", "end"))


ROWS = history()
MOVES = sorted((row[0], row[1], datetime.datetime.fromisoformat(row[2])) for row in ROWS)
#: How many stays began: a stage that is told twice is one.
STAYS = sum(1 for before, row in zip([["", ""], *ROWS], ROWS) if before[:2] != row[:2])
AMOUNTS = {row[0]: decimal.Decimal(row[5]) for row in ROWS}
TELEPHONES = sorted({row[4] for row in ROWS})
#: How many events the event log of the process has, by what is exported.
EVENTS = {"moves": len(ROWS), "events": len(ROWS), "stays": STAYS, "customers": CASES}


def exported():
    run("import", "--pipeline", "deals", "--csv", "history.csv", "--case", "deal", "--status", "stage", "--time", "moved",
        "--actor", "who", "--phone", "tel", "--amount", "value", "--currency", "CNY", "--won", STAGES[3])
    # Each export is an event: all of them are of the log before the first.
    position = str(json.loads(run("export", "moves", "--manifest"))["last_position"])
    for kind in EVENTS:
        for form, name in (("csv", "csv"), ("ndjson", "ndjson"), ("parquet", "parquet"), ("xlsx", "xlsx"), ("xes", "xes"),
                           ("ocel-json", "json")):
            run("export", kind, "--format", form, "--known-position", position, "--output", f"{kind}.{name}")


def moves_of(records):
    return sorted((one["external_id"], one["stage"], one["effective_at"].astimezone(UTC)) for one in records)
