"""Five calls with the client that openapi-python-client made of the served document: arguments are the folder that holds
the package `waymark_client`, the address and an API key."""

import importlib
import json
import pathlib
import pkgutil
import sys

folder, address, key = sys.argv[1:]
sys.path.insert(0, folder)

import waymark_client  # noqa: E402
from waymark_client import AuthenticatedClient  # noqa: E402
from waymark_client.api.analytics import get_boards_pipeline  # noqa: E402
from waymark_client.api.bulk import post_bulk  # noqa: E402
from waymark_client.api.customers import get_customers_id, post_customers  # noqa: E402
from waymark_client.api.status import post_customers_id_transitions  # noqa: E402
from waymark_client.models import BoardReport, CustomerReport, Move, NewCustomer, ProblemDocument, Registered  # noqa: E402
from waymark_client.types import File  # noqa: E402

# Every module of the package compiles and finds what it imports.
modules = [found.name for found in pkgutil.walk_packages(waymark_client.__path__, "waymark_client.")]
for module in modules:
    importlib.import_module(module)

# Every operation of the document has its function.
document = json.loads(pathlib.Path(folder, "openapi.json").read_text())
operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
made = {module.rsplit(".", 1)[-1] for module in modules if module.startswith("waymark_client.api.")}
assert operations <= made, f"no function for {sorted(operations - made)}"

client = AuthenticatedClient(base_url=address, token=key, raise_on_unexpected_status=True)

registered = post_customers.sync(client=client, body=NewCustomer(pipeline="sales", name="Harbour Foods"))
assert isinstance(registered, Registered), registered

read = get_customers_id.sync(registered.id, client=client, min_position=registered.position)
assert isinstance(read, CustomerReport) and read.name == "Harbour Foods", read

board = get_boards_pipeline.sync("sales", client=client, limit=1, min_position=registered.position)
assert isinstance(board, BoardReport) and board.total > 0, board
assert any(stage.count for stage in board.stages), board

refused = post_customers_id_transitions.sync(registered.id, client=client, body=Move(to="nowhere"))
assert isinstance(refused, ProblemDocument) and refused.violations[0].field == "to", refused

line = {"command": "note", "customer_id": str(registered.id), "body": {"text": "Rang twice"}}
answered = post_bulk.sync(client=client, body=File(payload=json.dumps(line).encode()))
assert isinstance(answered, File), answered
reply = json.loads(answered.payload.read())
assert reply["status"] == 200, reply

print(f"{len(modules)} modules, {len(operations)} operations, 5 calls")
