"""What a script probably meant where it uses a service in a way that cannot be: not imported, or awaited.

Run once before the snapshot, after `services.py`. Asked only when an exception is shown; nothing here may raise.
"""

import types

import _sandgate_errors as errors
import _sandgate_missing
import _sandgate_services

_AWAIT = "a method of `services` returns its result at once; to await it: from services.aio import {}"


def _name_error(error):
    """A service that was not imported; a module of the same name is not what was meant."""
    name = error.name
    if name and error.args == (f"name {name!r} is not defined",) and name in _sandgate_services.available():
        error.args = (f"{error.args[0]}; did you mean: from services import {name}?",)
        error.name = None


def _attribute_error(error):
    """A module of the standard library that has the name of a service."""
    module = error.obj
    if not isinstance(module, types.ModuleType) or isinstance(module, _sandgate_services.Module):
        return
    name = module.__name__
    if error.name and name in _sandgate_services.available():
        error.args = (f"{error.args[0]}; did you mean the service: from services import {name}?",)
        error.name = None


def _awaited(error, said, _found):
    """`await calendar.event_get(1)`, or the same in `asyncio.gather`."""
    service = _sandgate_services.last_called()
    return service and f"{said}; {_AWAIT.format(service)}"


def _gathered(error, said, found):
    frame = errors.last_frame(error)
    if frame is not None and frame.f_code.co_filename.startswith("asyncio"):
        return _awaited(error, said, found)
    return None


def _missing_module(name):
    """`import bookings`, for a service."""
    return f"; did you mean: from services import {name}?" if name in _sandgate_services.available() else None


errors.add_rule(NameError, _name_error)
errors.add_rule(AttributeError, _attribute_error)
errors.add_type_error(r"'\w+' object can't be awaited$", _awaited)
errors.add_type_error(r"object .+ can't be used in 'await' expression$", _awaited)
errors.add_type_error(r"An asyncio\.Future, a coroutine or an awaitable is required$", _gathered)
errors.add_type_error(r"unhashable type: '(dict|list)'$", _gathered)
_sandgate_missing.ask(_missing_module)
