// Follows the log: prints each event as it is recorded, and after a break goes on from the last position.
//
//   npx tsc --target es2022 --module node16 --moduleResolution node16 --types node follow.ts
//   node follow.js ADDRESS KEY [EVENTS]        ends after N events
const [address, key, events = "Infinity"] = process.argv.slice(2);

interface Entry {
  position: number;
  type: string;
  subject: string;
  time: string;
}

/** Reads a stream of server-sent events and hands on each entry's document. */
async function* entries(after: number): AsyncGenerator<Entry> {
  const answer = await fetch(`${address}/v1/events?after=${after}`, {
    headers: { Authorization: `Bearer ${key}`, Accept: "text/event-stream" },
  });
  if (!answer.ok || answer.body === null) throw new Error(await answer.text());
  let waiting = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
    const messages = (waiting + part).split("\n\n");
    waiting = messages.pop() ?? "";
    for (const message of messages) {
      // What has a name of its own is about the stream: `lagged` says that it ends, because this client fell behind.
      if (message.includes("event:")) continue;
      const data = message.split("\n").filter((line) => line.startsWith("data:"));
      if (data.length > 0) yield JSON.parse(data.map((line) => line.slice(5)).join("\n"));
    }
  }
}

async function main(): Promise<void> {
  let after = 0;
  let seen = 0;
  for (;;) {
    for await (const entry of entries(after)) {
      console.log(`${entry.position} ${entry.time} ${entry.type} ${entry.subject}`);
      after = entry.position;
      if (++seen >= Number(events)) return;
    }
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
