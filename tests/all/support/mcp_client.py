"""A client that others wrote, PyPI's `mcp` 1 or 2, as an agent would use it: started by `third_party.rs` with a JSON object
that says how the server is started and what is called; prints what it was answered as JSON, for the test to compare."""

import asyncio
import json
import sys
from importlib.metadata import version


def plain(result):
    """What both of the versions call differently."""
    made = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "text": made["content"][0]["text"],
        "isError": made.get("isError", False),
        "structured": made.get("structuredContent"),
    }


async def ask(list_tools, call_tool, calls):
    tools = (await list_tools()).model_dump(mode="json", by_alias=True, exclude_none=True)["tools"]
    answers = [plain(await call_tool(name, arguments)) for name, arguments in calls]
    at_once = await asyncio.gather(*[call_tool("execute_code", {"code": f"{n} * 2"}) for n in range(8)])
    return {"tools": tools, "answers": answers, "at_once": [plain(result)["text"] for result in at_once]}


async def modern(wanted):
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(command=wanted["command"], args=wanted["args"])
    async with Client(stdio_client(parameters)) as client:
        said = await ask(client.list_tools, client.call_tool, wanted["calls"])
        return {"protocol": client.protocol_version, "server": client.server_info.name} | said


async def legacy(wanted):
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(command=wanted["command"], args=wanted["args"])
    async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
        begun = await session.initialize()
        said = await ask(session.list_tools, session.call_tool, wanted["calls"])
        return {"protocol": begun.protocolVersion, "server": begun.serverInfo.name} | said


era = legacy if version("mcp").startswith("1.") else modern
print(json.dumps(asyncio.run(era(json.loads(sys.argv[1])))))
