"""An agent of PyPI's `pydantic-ai` with a model that was written down, started by `third_party.rs` with a JSON object that says how the
server is started, what the model calls and what the person at the client answers."""

import asyncio
import json
import sys

from fastmcp.client import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

import scripted


async def main(wanted):
    model = scripted.Model(wanted)
    answers = iter(wanted["answers"])
    read = 0

    async def ask(message, _type, params, _context):
        answer = next(answers)
        model.shown.append({"person": message, "fields": params.requested_schema["properties"], "answers": answer})
        return ElicitResult(**answer)

    def think(messages, about):
        nonlocal read
        if read == 0:
            model.show("instructions", about.instructions)
            for known in about.function_tools:
                model.show("tool", scripted.tool(known.name, known.description, known.parameters_json_schema))
        for message in messages[read:]:
            if message.kind == "request":
                for part in message.parts:
                    model.show(part.part_kind, part.content)
        read = len(messages)
        said, arguments = model.next()
        return ModelResponse([TextPart(said) if arguments is None else ToolCallPart(said, arguments)])

    client = Client(
        StdioTransport(wanted["command"][0], wanted["command"][1:]), elicitation_handler=ask, mode=wanted["era"], timeout=60
    )
    server = MCPToolset(client, include_instructions=True, max_retries=5)
    agent = Agent(FunctionModel(think), toolsets=[server])
    async with agent:
        result = await agent.run(wanted["prompt"])
    model.shown.append({"said": result.output})
    return model.shown


print(json.dumps(asyncio.run(asyncio.wait_for(main(json.loads(sys.argv[1])), 120))))
