"""The client of PyPI's `fastmcp`, started by `third_party.rs` with a JSON object that says how the server is started, what is called and what
the person answers; prints what came back, and what the person was asked."""

import asyncio
import json
import sys

from fastmcp.client import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport


async def main(wanted):
    seen = []
    answers = iter(wanted["answers"])

    async def ask(message, _type, params, _context):
        answer = next(answers)
        seen.append({"person": message, "fields": params.requested_schema["properties"], "answers": answer})
        return ElicitResult(**answer)

    async def progress(done, total, message):
        """How often it is told depends on how long a call takes."""

    client = Client(
        StdioTransport(wanted["command"][0], wanted["command"][1:]), elicitation_handler=ask, mode=wanted["era"], timeout=60
    )
    async with client:
        seen.append({"instructions": client.instructions, "tools": [known.name for known in await client.list_tools()]})
        for step in wanted["steps"]:
            result = await client.call_tool(
                step["tool"], step["arguments"], raise_on_error=False, progress_handler=progress
            )
            text = [part.text for part in result.content]
            seen.append({"calls": step["tool"], "is_error": result.is_error, "text": text})
    return seen


print(json.dumps(asyncio.run(asyncio.wait_for(main(json.loads(sys.argv[1])), 120))))
