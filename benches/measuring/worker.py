"""A process that stays and does what lines of JSON tell it: ours (benches/warm.rs) and those of rivals (compare/drivers).

Rows and growth measure with it. It must not measure by itself: times come back from the process, which leaves out its lines.
"""

import json
import subprocess


class WorkerEnded(Exception):
    """The process is gone, or answered with a problem; the text is what it said."""


class Worker:
    """One process. It ends with the `with` that it was begun by."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, order, **what):
        """What it answers to an order."""
        try:
            self.process.stdin.write(json.dumps({order: what}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            said = self.process.stderr.read().strip().splitlines()
            raise WorkerEnded(said[-1] if said else f"ended with {self.process.wait()}")
        answer = json.loads(line)
        if "problem" in answer:
            raise WorkerEnded(answer["problem"])
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def whole(command, output=subprocess.DEVNULL, **options):
    """Runs a command to its end: seconds by the wall and of the processor, of it and of all that it waited for."""
    import os
    import time

    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, **options
    )
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        raise WorkerEnded(f"{command[0]} ended with {process.returncode}: {lines[-1] if lines else ''}")
    return took, used.ru_utime + used.ru_stime, said.decode(errors="replace")
