// Five calls with the types that openapi-typescript made of the served document. That it compiles under --strict is
// half of the test: every path, parameter, body and field below is checked against the document.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

const [address, key] = process.argv.slice(2);
const client = createClient<paths>({
  baseUrl: address,
  headers: { Authorization: `Bearer ${key}` },
});

function insist(condition: boolean, what: unknown): asserts condition {
  if (!condition) throw new Error(JSON.stringify(what));
}

async function main(): Promise<void> {
  const registered = await client.POST("/v1/customers", {
    body: { pipeline: "sales", name: "Moonbeam Toys", contacts: [{ kind: "phone", value: "+8613800138000" }] },
  });
  insist(registered.response.status === 201 && registered.data !== undefined, registered.error);
  const { id, position }: { id: string; position: number } = registered.data;

  const read = await client.GET("/v1/customers/{id}", {
    params: { path: { id }, query: { min_position: position } },
  });
  insist(read.data?.name === "Moonbeam Toys", read.error);

  const dwell = await client.GET("/v1/dwell/{pipeline}", {
    params: { path: { pipeline: "sales" }, query: { unit: "stay", clock: "calendar", curve: false } },
  });
  insist(dwell.data !== undefined && dwell.data.stages.some((stage) => stage.visits > 0), dwell.error);

  const refused = await client.POST("/v1/customers/{id}/corrections", {
    params: { path: { id } },
    body: { kind: "void", corrects: id, reason: "It was another customer", on_conflict: "reject" },
  });
  const problem: components["schemas"]["ProblemDocument"] | undefined = refused.error;
  insist(problem !== undefined && problem.violations.length > 0, refused);

  const owner: components["schemas"]["OwnerName"] = "rep:li";
  const handed = await client.POST("/v1/handovers", {
    body: { from: owner, to: { kind: "rep", id: "wang" }, occasion: "leave", dry_run: true },
  });
  insist(handed.data !== undefined, handed.error);

  console.log("5 calls");
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
