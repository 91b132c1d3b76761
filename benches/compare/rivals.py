"""The rivals: where they come from, and how a process is begun that runs scripts in one.

`__main__.py` installs them into a directory of their own with `uv`, from PyPI alone. It must never leave one out in silence:
what could not be installed is a sentence in the result.
"""

import os
import pathlib
import shutil
import subprocess
import sys

from measuring.progress import say
from measuring.worker import Worker, WorkerEnded

DRIVERS = pathlib.Path(__file__).resolve().parent / "drivers"
# How long a rival takes to install at most, over a slow line.
PATIENCE = 900
SPEED = "import time\ndef f(n): return n if n<2 else f(n-1)+f(n-2)\nb=time.perf_counter()\nf(22)\nprint(time.perf_counter()-b)"


class Missing(Exception):
    """Why a rival is not here."""


def _run(command, **options):
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from None
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).strip().splitlines() if line.strip()]
        raise Missing(f"`{pathlib.Path(command[0]).name}` ended with {done.returncode}: {lines[-1] if lines else 'nothing was said'}")
    return done.stdout.strip()


class Rivals:
    """What is installed, in a directory that stays from one comparison to the next."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.missing = {}
        self.versions = {}
        self._pythons = {}
        self.commands = {}

    def install(self):
        """All of them, or why not."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        for name, install in [
            ("uv", self._uv),
            ("CPython", self._python),
            ("Monty", lambda: self._package("Monty", "pydantic-monty", "3.11")),
            ("eryx", lambda: self._package("eryx", "pyeryx", "3.13", "3.12", "3.14")),
            ("modebox", lambda: self._package("modebox", "modebox", "3.11")),
        ]:
            try:
                install()
            except Missing as why:
                self.missing[name] = str(why)
                say(f"{name} is missing: {why}")

    def require(self, name):
        if name in self.missing:
            raise Missing(f"{name} could not be installed: {self.missing[name]}")

    def _uv(self):
        place = self.scratch / "uv"
        uv = place / "bin" / "uv"
        if not uv.exists():
            say("uv is installed from PyPI")
            _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", place, "uv"])
        self.commands["uv"] = uv
        self.versions["uv"] = _run([uv, "--version"]).split()[1]

    def _candidates(self, version):
        """Interpreters of this version: those on the path, of pyenv and of uv."""
        home = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
        found = [pathlib.Path(place) / f"python{version}" for place in os.environ.get("PATH", "").split(os.pathsep)]
        found += home.glob(f"versions/{version}.*/bin/python{version}")
        found += pathlib.Path.home().glob(f".local/share/uv/python/cpython-{version}.*/bin/python{version}")
        real = {}
        for path in found:
            if path.exists():
                try:
                    shown = _run([path, "-c", "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"]).split()
                except Missing:
                    continue
                if shown[-1] == version:
                    real[os.path.realpath(shown[0])] = pathlib.Path(shown[0])
        return list(real.values())

    def _any(self, version):
        """The fastest interpreter of this version that is here, or one that uv brings."""
        if version in self._pythons:
            return self._pythons[version]
        found = self._candidates(version)
        if not found:
            say(f"uv brings CPython {version}")
            _run([self.commands["uv"], "python", "install", version])
            found = self._candidates(version)
        if not found:
            raise Missing(f"there is no CPython {version}, and uv brought none")
        speed = lambda python: min(float(_run([python, "-I", "-S", "-c", SPEED])) for _ in range(7))
        self._pythons[version] = min(found, key=speed)
        return self._pythons[version]

    def _python(self):
        python = self._any("3.11")
        self.commands["CPython"] = python
        self.versions["CPython"] = _run([python, "-c", "import platform; print(platform.python_version())"])
        venv = self.scratch / "venv"
        if "uv" not in self.missing and not (venv / "pyvenv.cfg").exists():
            _run([self.commands["uv"], "venv", "--quiet", "--python", python, venv])

    def _package(self, name, package, *pythons):
        self.require("uv")
        why = None
        for version in pythons:
            try:
                python = self._any(version)
            except Missing as error:
                why = why or error
                continue
            break
        else:
            raise why
        place = self.scratch / package
        if not place.exists():
            say(f"{package} is installed from PyPI")
            part = self.scratch / f"{package}.part"
            shutil.rmtree(part, ignore_errors=True)
            _run([self.commands["uv"], "pip", "install", "--quiet", "--only-binary", ":all:", "--target", part, "--python", python, package])
            part.rename(place)
        self.commands[name] = python
        version = f"import importlib.metadata as m; print(m.version('{package}'))"
        self.versions[name] = _run([python, "-c", version], env=self._environment(package))

    def _environment(self, package):
        place = self.scratch / package
        return {**os.environ, "PYTHONPATH": str(place), "MONTY_BIN": str(place / "bin" / "monty")}

    def worker(self, name):
        """A process that runs scripts in this rival."""
        self.require(name)
        package = {"Monty": "pydantic-monty", "eryx": "pyeryx", "modebox": "modebox"}[name]
        driver = DRIVERS / f"in_{name.lower()}.py"
        return Worker([self.commands[name], driver], self._environment(package))

    def monty(self):
        """Monty's own command."""
        self.require("Monty")
        return self.scratch / "pydantic-monty" / "bin" / "monty"


__all__ = ["Missing", "Rivals", "WorkerEnded"]
