"""A model that was written down, for frameworks of agents that others wrote: it makes these calls whatever it is shown, but reads the
names of runs, and remembers all that it was shown, for `third_party` to compare. Between two calls somebody else may act."""

import json
import re
import subprocess


class Model:
    def __init__(self, wanted):
        self.steps = iter(wanted["steps"])
        self.shown = []
        self.run = ""

    def show(self, kind, content):
        """Something new stands before the model; JSON as what it says, so that what is new every time can be left out."""
        if isinstance(content, str) and content.startswith("{"):
            content = json.loads(content)
        self.shown.append({kind: content})
        for name in re.findall(r"\b01[0-9a-z]{24}\b", str(content)):
            self.run = name

    def next(self):
        """The name of a tool and what it is called with; or what is said at the end."""
        for step in self.steps:
            if "say" in step:
                return step["say"], None
            if "person" in step:
                # Nobody waits for ever, and a person's command reads nothing that is meant for the server.
                person = [word.replace("RUN", self.run) for word in step["person"]]
                done = subprocess.run(person, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)
                assert done.returncode == step["comes_to"], done
                continue
            arguments = {
                name: value.replace("RUN", self.run) if isinstance(value, str) else value
                for name, value in step["arguments"].items()
            }
            self.shown.append({"calls": step["tool"]} | arguments)
            return step["tool"], arguments
        raise AssertionError("it was asked for more than was written down")


def tool(name, description, schema):
    """A tool as it stands before a model."""
    return {"name": name, "description": description, "arguments": sorted(schema.get("properties", {}))}
