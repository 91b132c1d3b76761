"""An agent of PyPI's `openai-agents` with a model that was written down, started by `third_party.rs` with a JSON object that says where the
server listens, with which token, and what the model calls. It cannot be asked anything, so what waits is approved elsewhere."""

import asyncio
import json
import sys

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
from agents.mcp import MCPServerStreamableHttp
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import scripted


class Scripted(Model):
    def __init__(self, model):
        self.model = model
        self.read = 0

    async def get_response(self, system_instructions, input, model_settings, tools, *_, **__):
        if self.read == 0:
            self.model.show("instructions", system_instructions)
            for known in tools:
                self.model.show("tool", scripted.tool(known.name, known.description, known.params_json_schema))
        items = [{"role": "user", "content": input}] if isinstance(input, str) else input
        for item in items[self.read :]:
            if item.get("role") == "user":
                self.model.show("user", item["content"])
            elif item.get("type") == "function_call_output":
                self.model.show("output", item["output"])
        self.read = len(items)
        said, arguments = self.model.next()
        if arguments is None:
            text = ResponseOutputText(text=said, type="output_text", annotations=[])
            part = ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")
        else:
            part = ResponseFunctionToolCall(
                name=said, arguments=json.dumps(arguments), call_id=f"c{self.read}", type="function_call"
            )
        return ModelResponse(output=[part], usage=Usage(), response_id=None)

    def stream_response(self, *_, **__):
        raise NotImplementedError


async def main(wanted):
    model = scripted.Model(wanted)
    place = {"url": wanted["url"], "headers": {"Authorization": f"Bearer {wanted['token']}"}}
    async with MCPServerStreamableHttp(params=place, client_session_timeout_seconds=60) as server:
        agent = Agent(name="clerk", instructions=wanted["instructions"], model=Scripted(model), mcp_servers=[server])
        result = await Runner.run(agent, wanted["prompt"], run_config=RunConfig(tracing_disabled=True), max_turns=20)
    model.shown.append({"said": result.final_output})
    return model.shown


print(json.dumps(asyncio.run(asyncio.wait_for(main(json.loads(sys.argv[1])), 120))))
