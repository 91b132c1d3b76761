"""Writes the cases beside it from clones of the repositories that ../README.md names: what they say of methods, and which
of them each request is for.

    python3 tests/corpora/search/make.py METATOOL GORILLA LIVEMCPBENCH
"""

import csv
import json
import random
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
# What sandgate keeps of a description.
LONGEST = 200


def line(text):
    return " ".join((text or "").split())[:LONGEST]


def service(name):
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def method(name):
    """One plugin is called `PDF&URLTool`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def parameters(schema):
    properties = (schema or {}).get("properties") or {}
    return {name: line(described.get("description")) for name, described in properties.items()}


class Cases:
    """One file: services, then methods, then requests."""

    def __init__(self):
        self.lines = []

    def add(self, kind, **fields):
        self.lines.append({kind: {name: value for name, value in fields.items() if value}})

    def method(self, of, name, description, schema=None):
        said = {"description": line(description), "parameters": parameters(schema)}
        self.add("method", service=of, name=name, **said)

    def write(self, name):
        text = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in self.lines]
        (HERE / name).write_text("\n".join(text) + "\n", encoding="utf-8")


def metatool(root):
    """1,500 of the 20,614 requests, drawn at random."""
    cases = Cases()
    cases.add("service", name="plugins")
    plugins = json.loads((root / "dataset/plugin_des.json").read_text(encoding="utf-8"))
    for name in sorted(plugins):
        cases.method("plugins", method(name), plugins[name])
    with open(root / "dataset/data/all_clean_data.csv", encoding="utf-8", newline="") as file:
        requests = list(csv.DictReader(file))
    for request in random.Random(1).sample(requests, 1_500):
        cases.add("request", text=request["Query"], methods=[["plugins." + method(request["Tool"])]])
    cases.write("metatool.jsonl")


def bfcl(root):
    """The functions of all requests together; of one that is described more than once, the first description."""
    data = root / "berkeley-function-call-leaderboard/bfcl_eval/data"

    def rows(name):
        return [json.loads(row) for row in (data / name).read_text(encoding="utf-8").splitlines()]

    requests = rows("BFCL_v4_live_multiple.json")
    answers = {row["id"]: row["ground_truth"] for row in rows("possible_answer/BFCL_v4_live_multiple.json")}
    functions = {}
    for request in requests:
        for function in request["function"]:
            functions.setdefault(function["name"], function)
    cases = Cases()
    cases.add("service", name="functions")
    for name, function in sorted(functions.items()):
        cases.method("functions", name, function["description"], function["parameters"])
    for request in requests:
        said = [turn["content"] for turn in request["question"][0] if turn["role"] == "user"]
        meant = [["functions." + name] for call in answers[request["id"]] for name in call]
        cases.add("request", text=" ".join(said), methods=meant)
    cases.write("bfcl.jsonl")


def livemcp(root):
    """Requests that want several methods. The name alone says which, so any service's method of that name will do."""
    cases = Cases()
    methods, named = [], {}
    for server in json.loads((root / "tools/LiveMCPTool/tools.json").read_text(encoding="utf-8")):
        for name, tools in server["tools"].items():
            of = service(name)
            cases.add("service", name=of, description=line(server["description"]))
            for tool in tools["tools"]:
                methods.append((of, tool))
                named.setdefault(tool["name"], []).append(f"{of}.{tool['name']}")
    for of, tool in methods:
        cases.method(of, tool["name"], tool["description"], tool["inputSchema"])
    for request in json.loads((root / "annotated_data/all_annotations.json").read_text(encoding="utf-8")):
        wanted = request["Annotator Metadata"]["Tools"].splitlines()
        wanted = [re.sub(r"^\s*\d+\.\s*", "", one).strip() for one in wanted]
        # A few name a tool that is not in the list of tools.
        meant = [named[name] for name in wanted if name in named]
        if meant:
            cases.add("request", text=request["Question"], methods=meant)
    cases.write("livemcp.jsonl")


if __name__ == "__main__":
    for make, root in zip((metatool, bfcl, livemcp), sys.argv[1:4], strict=True):
        make(Path(root))
