// Whether @asyncapi/parser finds the document right: node asyncapi.mjs FILE
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const wrong = diagnostics.filter((one) => one.severity === 0);
for (const one of wrong.slice(0, 20)) console.error(`${one.path.join("/")}: ${one.message}`);
if (!document || wrong.length > 0) process.exit(1);
const messages = document.allMessages().all().length;
console.log(`AsyncAPI ${document.version()}: ${document.channels().all().length} channels, ${messages} messages`);
