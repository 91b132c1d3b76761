"""Calls that are under way: begun, waited for, collected. Run once before the snapshot.

`services` makes calls of what a script asks for, the event loop waits for them, and pools hand back futures of them.
Requests and replies are JSON text; what is allowed is decided by the host.
"""

import asyncio
import concurrent.futures
import contextvars
import functools
import json
import types
from time import sleep

import _sandgate
import _sandgate_threads as threads


class ServiceError(Exception):
    """A service answered with an error: `code`, `message` and `data` are its own, `method` is what was called."""

    because = hint = None

    def __init__(self, message, code=0, data=None, method=""):
        super().__init__(message)
        self.message, self.code, self.data, self.method = message, code, data, method

    def __str__(self):
        return f"{self.method}: {self.message} (code {self.code})"


class Refused(PermissionError):
    """A call was not made: the text says why. For programs, `code` says why in a word, `method` is what was called,
    `because` what the policy says of it and `hint` what would work instead, where there is such a thing."""

    code = method = because = hint = None


_RAISED = {
    "PermissionError": Refused,
    "ConnectionError": ConnectionError,
    "RuntimeError": RuntimeError,
    "TimeoutError": TimeoutError,
    "TypeError": TypeError,
    "ValueError": ValueError,
}


def refusal(exception, code, text, method=None, because=None, hint=None):
    """The exception that a call was not made by. Its `code` is one of those that the host has for all refusals."""
    error = _RAISED[exception](f"{text}; {hint}" if hint else text)
    error.code, error.method, error.because, error.hint = code, method, because, hint
    return error


# A call's number, and who is told when it is done. Every run begins with none.
_waiting = {}


class Method:
    """What is called: how it is shown, and the beginning of each request."""

    __slots__ = ("shown", "head")

    def __init__(self, service, name):
        self.shown = f"{service}.{name}"
        self.head = f'{{"service":{json.dumps(service)},"method":{json.dumps(name)},"params":'


def _request(method, params):
    try:
        return method.head + _sandgate.encode(params) + "}"
    except ValueError as error:
        raise refusal("ValueError", error.code, _unsendable(params) or str(error), method.shown) from None


def _unsendable(value, place=""):
    """What of these parameters has no form in JSON, and what to send instead; `None` where each by itself has one."""
    if isinstance(value, dict):
        parts = [(f"{place}[{key!r}]" if place else f"`{key}`", part) for key, part in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [(f"{place}[{at}]", part) for at, part in enumerate(value)]
    else:
        return f"{place or 'it'} {_fault(value)}"
    for part_place, part in parts:
        try:
            _sandgate.encode({"value": part})
        except ValueError:
            return _unsendable(part, part_place)
    return None


def _fault(value):
    if isinstance(value, float):
        return f"is {value}, for which JSON has no number: leave it out, or send None"
    if isinstance(value, int):
        return "is a number of more than 64 bits: send it as text"
    if isinstance(value, str):
        return "has a lone surrogate or is longer than 1 MiB, which cannot be sent"
    kind = type(value).__name__
    if hasattr(value, "__next__"):
        return f"is a {kind}: make a list of it, as in list(…)"
    if hasattr(value, "__await__"):
        return f"is a {kind}: await it first"
    if callable(value):
        return f"is a {kind}: call it first"
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    return f"is {article} {kind}, which JSON has no form for: send a number, a string, a list or a dictionary, such as vars(…)"


def begin(method, params):
    """Starts a call and returns its number."""
    return _sandgate.begin(_request(method, params))


def collect(number, shown):
    """Waits for a call and returns its result, or raises what became of it."""
    return _result(_sandgate.collect(number), shown)


def call(method, params):
    """Makes a call. Other threads go on meanwhile, where there are any."""
    request = _request(method, params)
    if threads.alone():
        return _result(_sandgate.call(request), method.shown)
    number = _sandgate.begin(request)
    _waiting[number] = threads.current().wake
    threads.park()
    return collect(number, method.shown)


# `json.loads` without what it does for bytes and for what stands around a value.
_parse = json.JSONDecoder().scan_once


def _result(reply, shown):
    reply = _parse(reply, 0)[0]
    if "ok" in reply:
        return reply["ok"]
    if "failed" in reply:
        failed = reply["failed"]
        raise ServiceError(failed["message"], failed["code"], failed["data"], shown)
    refused = reply["refused"]
    raise refusal(refused["exception"], refused["code"], refused["message"], shown, refused["because"], refused["hint"])


async def awaited(number, shown):
    """As `collect`, while other tasks go on."""
    future = asyncio.get_running_loop().create_future()
    _waiting[number] = lambda: future.done() or future.set_result(None)
    await future
    return collect(number, shown)


def rest(seconds):
    """Waits until something that is waited for is done, at most so long; `None` where there is no end."""
    if not threads.alone():
        threads.rest(seconds)
    elif _waiting:
        _pump(-1 if seconds is None else _milliseconds(seconds))
    elif seconds is None:
        raise RuntimeError("this would wait for ever: every task waits for something that nothing in this program will do")
    elif seconds > 0:
        sleep(seconds)


def _milliseconds(seconds):
    return max(0, int(seconds * 1000 + 0.999))


def _pump(milliseconds):
    """Waits for a call, and tells of all that are done; whether any is under way at all."""
    if not _waiting:
        return False
    number = _sandgate.wait(milliseconds)
    while number:
        tell = _waiting.pop(number, None)
        if tell is not None:
            tell()
        number = _sandgate.wait(0)
    threads.stir()
    return True


threads.pump_with(_pump)


class _CallFuture(concurrent.futures.Future):
    """A call of a service that was handed to a pool: it is only begun, so that such calls overlap."""

    def __init__(self, number, shown):
        super().__init__()
        self.set_running_or_notify_cancel()
        self._number, self._shown = number, shown
        _waiting[number] = self.settle

    def settle(self):
        if self._state == "RUNNING":
            _waiting.pop(self._number, None)
            try:
                self.set_result(collect(self._number, self._shown))
            except Exception as error:
                self.set_exception(error)

    def _begin_to_wait(self, timeout):
        if timeout is None and threads.alone():
            self.settle()

    def result(self, timeout=None):
        self._begin_to_wait(timeout)
        return super().result(timeout)

    def exception(self, timeout=None):
        self._begin_to_wait(timeout)
        return super().exception(timeout)

    def done(self):
        if self._state == "RUNNING":
            _pump(0)
        return super().done()


def future_of(function, args, kwargs):
    """A future of a call that is under way, where `function` is one of a service; `None` where it is anything else."""
    while True:
        if isinstance(function, functools.partial):
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        elif args and isinstance(getattr(function, "__self__", None), contextvars.Context):
            function, *args = args  # asyncio.to_thread
        else:
            break
    method = function.__dict__.get("_method") if type(function) is types.FunctionType else None
    if not isinstance(method, Method):
        return None
    try:
        return _CallFuture(begin(method, method.params(args, kwargs)), method.shown)
    except Exception as error:
        future = concurrent.futures.Future()
        future.set_exception(error)
        return future


def settle(futures):
    """Waits for all these calls."""
    for future in futures:
        future.exception()
