"""How fast exports are, and how much memory they take: of generated moves, five to a customer, by `waymark export`.

    WAYMARK_BIN=target/dist/waymark python3 tests/benches/exports.py --rows 1000000
    WAYMARK_BIN=target/dist/waymark python3 tests/benches/exports.py --rows 5000000 --runs 1 --all

Of each export the median of the runs is printed: rows a second of the whole command, start included, the processor time, and
the most memory of a run. Targets for 1,000,000 moves: CSV 300,000 rows a second, Parquet 150,000; for 5,000,000: 200 MB."""
import argparse, datetime, os, random, statistics, subprocess, sys, tempfile, time

BIN = os.path.realpath(os.environ.get("WAYMARK_BIN", "target/dist/waymark"))
STAGES = ["lead", "contacted", "qualified", "proposal", "negotiation", "contract", "won", "lost"]
#: Rows of a file: one of many more is not read into memory by anybody.
FILE = 1_000_000
EACH = [("moves", "csv"), ("moves", "parquet")]
ALL = EACH + [("moves", "ndjson"), ("moves", "xes"), ("moves", "ocel-json"), ("moves", "xlsx"), ("stays", "csv"),
              ("customers", "csv"), ("events", "csv")]


def made(path, first, rows):
    chance = random.Random(first)
    begin = datetime.datetime(2024, 1, 1)
    with open(path, "w") as file:
        file.write("deal,stage,moved,who\n")
        for customer in range(first // 5, (first + rows) // 5):
            at = begin + datetime.timedelta(minutes=customer % 400_000)
            for step in range(5):
                at += datetime.timedelta(seconds=chance.randint(60, 2_000_000))
                stage = STAGES[step if step < 4 else chance.randint(4, 7)]
                file.write(f"D{customer:07},{stage},{at.isoformat()}Z,rep{customer % 40}\n")


def run(*arguments):
    """Seconds, seconds of processor time, and megabytes."""
    began = time.monotonic()
    process = subprocess.Popen([BIN, *arguments, "--database", DATABASE], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{arguments}: {said.decode(errors='replace')[-2000:]}")
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


asked = argparse.ArgumentParser()
asked.add_argument("--rows", type=int, default=1_000_000)
asked.add_argument("--runs", type=int, default=5)
asked.add_argument("--all", action="store_true", help="every format and kind")
asked.add_argument("--database", help="one that has the rows; made when absent")
asked = asked.parse_args()
with tempfile.TemporaryDirectory() as folder:
    DATABASE = asked.database or f"sqlite:{folder}/exports.db"
    if not asked.database:
        for first in range(0, asked.rows, FILE):
            rows = min(FILE, asked.rows - first)
            made(f"{folder}/moves.csv", first, rows)
            seconds, _, memory = run("import", "--pipeline", "deals", "--csv", f"{folder}/moves.csv", "--case", "deal", "--status",
                                     "stage", "--time", "moved", "--actor", "who", "--won", "won", "--lost", "lost")
            print(f"import     {rows:9,} rows  {rows / seconds:9,.0f} rows/s  {memory:5.0f} MB", flush=True)
    for kind, form in ALL if asked.all else EACH:
        seen = [run("export", kind, "--format", form, "--output", f"{folder}/out") for _ in range(asked.runs)]
        seconds, processor, memory = (statistics.median(column) for column in zip(*seen))
        size = os.path.getsize(f"{folder}/out") / 1e6
        print(f"{kind:10} {form:9} {asked.rows / seconds:9,.0f} moves/s  {seconds:6.1f} s  processor {processor:6.1f} s  "
              f"{max(one[2] for one in seen):5.0f} MB of memory, {size:7.1f} MB of file", flush=True)
