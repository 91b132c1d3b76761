"""Our own programs that are measured: the command, and the process that stays (benches/warm.rs).

Both commands find them here. It must never build when a path was given: whoever names a binary means that one.
"""

import json
import pathlib
import subprocess

from measuring.progress import say

ROOT = pathlib.Path(__file__).resolve().parents[2]


class NotBuilt(Exception):
    """What is missing, and what to type."""


class Programs:
    """The command and the process that stays."""

    def __init__(self, sandgate, warm):
        self.sandgate = sandgate
        self.warm = warm

    def version(self):
        version = subprocess.run([self.sandgate, "--version"], capture_output=True, text=True).stdout.strip()
        commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
        return f"{version} ({commit.stdout.strip() or 'no commit'})"


def programs(sandgate=None):
    """Those beside the binary that was named, or those that cargo builds."""
    if sandgate is not None:
        sandgate = pathlib.Path(sandgate).resolve()
        beside = sorted(sandgate.parent.glob("deps/warm-*"), key=lambda path: path.stat().st_mtime)
        beside = [path for path in beside if path.suffix == ""]
        if not sandgate.exists() or not beside:
            raise NotBuilt(f"{sandgate} has no deps/warm-… beside it: `cargo build --release --workspace --bin sandgate --bench warm`")
        return Programs(sandgate, beside[-1])
    say("cargo builds sandgate and what measures it (minutes, the first time)")
    command = ["cargo", "build", "--release", "--locked", "--workspace", "--bin", "sandgate", "--bench", "warm"]
    done = subprocess.run([*command, "--message-format=json"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise NotBuilt("cargo could not build it; see above")
    found = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            found[message["target"]["name"]] = pathlib.Path(message["executable"])
    return Programs(found["sandgate"], found["warm"])
