"""Calls that are under way: begun, waited for, collected. Run once before the snapshot.

`services` makes calls of what a script asks for, the event loop waits for them, and pools hand back futures of them.
Requests and replies are JSON text; what is allowed is decided by the host.
"""

import asyncio
import concurrent.futures
import concurrent.futures._base
import contextvars
import functools
import json
import types
from time import monotonic, sleep

import _sandgate


class ServiceError(Exception):
    """A service answered with an error: `code`, `message` and `data` are its own."""

    def __init__(self, message, code=0, data=None, method=""):
        super().__init__(message)
        self.message, self.code, self.data, self.method = message, code, data, method

    def __str__(self):
        return f"{self.method}: {self.message} (code {self.code})"


class Refused(PermissionError):
    """A call was not made: the text says why and what would work instead; `code` says why in a word, for programs."""

    code = None


_RAISED = {
    "PermissionError": Refused,
    "ConnectionError": ConnectionError,
    "RuntimeError": RuntimeError,
    "TimeoutError": TimeoutError,
    "TypeError": TypeError,
    "ValueError": ValueError,
}


def refusal(exception, code, text):
    """The exception that a call was not made by. Its `code` is one of those that the host has for all refusals."""
    error = _RAISED[exception](text)
    error.code = code
    return error


# A call's number, and who is told when it is done. Every run begins with none.
_waiting = {}


def _request(service, method, params):
    service, method, params = json.dumps(service), json.dumps(method), _sandgate.encode(params)
    return f'{{"service":{service},"method":{method},"params":{params}}}'


def begin(service, method, params):
    """Starts a call and returns its number."""
    return _sandgate.begin(_request(service, method, params))


def collect(number, method):
    """Waits for a call and returns its result, or raises what became of it."""
    return _result(_sandgate.collect(number), method)


def call(service, method, params):
    """As `begin` and `collect`, for a call that nothing else of the script goes on beside."""
    return _result(_sandgate.call(_request(service, method, params)), f"{service}.{method}")


def _result(reply, method):
    reply = json.loads(reply)
    if "ok" in reply:
        return reply["ok"]
    if "failed" in reply:
        failed = reply["failed"]
        raise ServiceError(failed["message"], failed["code"], failed["data"], method)
    refused = reply["refused"]
    text = refused["message"]
    if refused["hint"]:
        text += "; " + refused["hint"]
    raise refusal(refused["exception"], refused["code"], text)


async def awaited(number, method):
    """As `collect`, while other tasks go on."""
    future = asyncio.get_running_loop().create_future()
    _waiting[number] = lambda: future.done() or future.set_result(None)
    await future
    return collect(number, method)


def rest(seconds):
    """Waits until something that is waited for is done, at most so long; `None` where there is no end."""
    if _waiting:
        _pump(-1 if seconds is None else _milliseconds(seconds))
    elif seconds is None:
        raise RuntimeError("this would wait for ever: every task waits for something that nothing in this program will do")
    elif seconds > 0:
        sleep(seconds)


def _milliseconds(seconds):
    return max(0, int(seconds * 1000 + 0.999))


def _pump(milliseconds):
    number = _sandgate.wait(milliseconds)
    while number:
        tell = _waiting.pop(number, None)
        if tell is not None:
            tell()
        number = _sandgate.wait(0)


class _CallFuture(concurrent.futures.Future):
    """A pool runs what it is given at once; a call of a service it only begins, so that calls overlap."""

    def __init__(self, number, method):
        super().__init__()
        self.set_running_or_notify_cancel()
        self._number, self._method = number, method
        _waiting[number] = self.settle

    def settle(self):
        if self._state == "RUNNING":
            _waiting.pop(self._number, None)
            try:
                self.set_result(collect(self._number, self._method))
            except Exception as error:
                self.set_exception(error)

    def _until(self, timeout):
        if timeout is None:
            self.settle()
        else:
            _until({self}, timeout, concurrent.futures.ALL_COMPLETED)
        if self._state == "RUNNING":
            raise TimeoutError

    def result(self, timeout=None):
        self._until(timeout)
        return super().result()

    def exception(self, timeout=None):
        self._until(timeout)
        return super().exception()

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
    begin_call = function.__dict__.get("_begin") if type(function) is types.FunctionType else None
    if begin_call is None:
        return None
    try:
        return _CallFuture(begin_call(args, kwargs), function._method)
    except Exception as error:
        future = concurrent.futures.Future()
        future.set_exception(error)
        return future


def settle(futures):
    """Waits for all calls among these futures."""
    for future in futures:
        if isinstance(future, _CallFuture):
            future.settle()


def _until(futures, timeout, return_when):
    end = None if timeout is None else monotonic() + timeout
    while True:
        left = [future for future in futures if isinstance(future, _CallFuture) and future._state == "RUNNING"]
        if not left or return_when != concurrent.futures.ALL_COMPLETED and len(left) < len(futures):
            return
        time = None if end is None else end - monotonic()
        if time is not None and time <= 0:
            return
        rest(time)


_wait = concurrent.futures.wait


def wait(fs, timeout=None, return_when=concurrent.futures.ALL_COMPLETED):
    fs = set(fs)
    _until(fs, timeout, return_when)
    return _wait(fs, None if timeout is None else 0, return_when)


def as_completed(fs, timeout=None):
    left = set(fs)
    total, end = len(left), None if timeout is None else monotonic() + timeout
    while left:
        _until(left, None if end is None else max(0, end - monotonic()), concurrent.futures.FIRST_COMPLETED)
        done = [future for future in left if future.done()]
        if not done:
            raise TimeoutError(f"{len(left)} (of {total}) futures unfinished")
        left.difference_update(done)
        yield from done


for _function in (wait, as_completed):
    _function.__module__ = "concurrent.futures"
    setattr(concurrent.futures, _function.__name__, _function)
    setattr(concurrent.futures._base, _function.__name__, _function)
