"""The tools for agents, called by the Python SDK of the Model Context Protocol: over HTTP and over the standard streams of
`waymark mcp`, by the stateless revision and by the one with a handshake. The SDK holds each result to the schema that the
tool gives for it. Arguments are the program, the address and an administrator's API key."""

import json
import os
import sys
import urllib.request

import anyio
import httpx2
from jsonschema import Draft202012Validator
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

program, address, admin = sys.argv[1:]


def send(path, body=None):
    """A call of the API as the administrator."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {admin}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address + path, data, headers)) as answer:
        return json.load(answer)


new = {"actor": "agent:assistant", "roles": ["supervisor"], "scopes": ["propose"]}
key = send("/v1/admin/keys", new)["key"]
customer = send("/v1/customers", {"pipeline": "sales", "name": "Harbour Foods"})["id"]
choices = send(f"/v1/customers/{customer}/allowed-transitions")["items"]
to = next(choice["to"] for choice in choices if choice["allowed"])
move = {"to": to, "note": "rang them", "next_step": "ring again"}
model = {"name": "assistant", "version": "2026-05"}


async def speak(server, mode):
    """One conversation: every tool is listed with sound schemas, reads answer, a proposal waits."""
    async with Client(server, mode=mode) as client:
        tools = (await client.list_tools()).tools
        for tool in tools:
            Draft202012Validator.check_schema(tool.input_schema)
            Draft202012Validator.check_schema(tool.output_schema)
        assert {"find", "read", "propose_move"} <= {tool.name for tool in tools}
        pipeline = {"pipeline": "sales"}
        calls = [
            ("pipelines", {}), ("find", {"q": "Harbour"}), ("read", {"id": customer}), ("history", {"id": customer}),
            ("may_go", {"id": customer}), ("board", pipeline), ("dwell", pipeline), ("funnel", pipeline),
            ("changes", pipeline | {"from_effective_at": "2026-06-01T00:00:00Z"}), ("work", {"list": "today"}),
            ("proposals", {"customer": customer}),
            ("explain_refusal", {"id": customer, "command": "transition", "body": move}),
            ("propose_move", {"id": customer, "body": move, "model": model, "prompt": f"Move it ({mode})"}),
        ]
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, (name, result.content)
            assert result.structured_content is not None, name
        refused = await client.call_tool("propose_move", {"id": customer, "body": {"to": "nowhere"}, "model": model, "prompt": "x"})
        assert refused.is_error and "how_to_fix" in refused.content[0].text, refused
        print(f"{len(tools)} tools, {len(calls)} calls: {client.session.protocol_version}")


async def main():
    stdio = StdioServerParameters(
        command=program, args=["mcp", "--url", address], env={**os.environ, "WAYMARK_KEY": key}
    )
    for mode in ["auto", "2026-07-28", "legacy"]:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
            await speak(streamable_http_client(f"{address}/mcp", http_client=http), mode)
        await speak(stdio, mode)


anyio.run(main)
waiting = send("/v1/approvals?status=requested&limit=500")["items"]
assert sum(one["customer_id"] == customer for one in waiting) == 6, waiting
