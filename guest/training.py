#!/usr/bin/env python3
"""What the interpreter is optimised by: scripts, one a line, as the host hands them to the guest. `build.sh --profile` runs
them in a guest that counts.

They are what `benches/modules.py` measures, and a sample of what models wrote (`tests/corpora`), with what it is tried with.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "benches"))
import modules


def scripts():
    for prepare, measure in modules.PROGRAMS.values():
        yield modules.program(prepare, measure)
    for line in (ROOT / "tests/corpora/mbpp-sample.jsonl").read_text().splitlines():
        task = json.loads(line)
        yield "\n".join([task["test_setup_code"], task["code"], *task["test_list"]])
    for line in (ROOT / "tests/corpora/human-eval-sample.jsonl").read_text().splitlines():
        task = json.loads(line)
        yield f"{task['prompt']}{task['canonical_solution']}\n{task['test']}\ncheck({task['entry_point']})\n"


for source in scripts():
    script = {"source": source, "name": "script.py", "argv": [], "environment": {}, "workspace": True, "session": "none"}
    print(json.dumps(script))
