"""`services`: what a script calls services by. Run once before the snapshot.

Proxies are built from data that the host sends when a service is first asked for, each function when it is asked for;
nothing here decides anything, and nothing that a service says is ever executed.
"""

import difflib
import importlib.machinery
import inspect
import re
import sys
import types
from decimal import Decimal

from _sandgate_calls import Method, Refused, ServiceError, awaited, begin, call, refusal


class _Shown(str):
    """A type as the service's interface writes it: text, shown without quotes."""

    __repr__ = str.__str__


def _optional(parameter):
    """The type of a parameter, which may be `None` where that stands for leaving it out."""
    kind = parameter["t"]
    left_out = not parameter.get("r", False) and parameter.get("v", None) is None
    return f"{kind} | None" if left_out and "None" not in kind and kind != "Any" else kind


def _parameters(method):
    kinds = inspect.Parameter
    parameters, optional = [], False
    for parameter in method["p"]:
        required = parameter.get("r", False)
        # Python wants parameters with a default last, unless they are given by name.
        kind = kinds.KEYWORD_ONLY if parameters and parameters[-1].kind is kinds.KEYWORD_ONLY or required and optional else kinds.POSITIONAL_OR_KEYWORD
        optional = optional or not required
        parameters.append(
            kinds(
                parameter["n"],
                kind,
                default=kinds.empty if required else parameter.get("v", None),
                annotation=_Shown(_optional(parameter)) if "t" in parameter else kinds.empty,
            )
        )
    return parameters


class _Signature(inspect.Signature):
    """A signature that is made when somebody looks at it."""

    __slots__ = ("_method",)

    def __getattr__(self, name):
        method = self._method
        returns = _Shown(method["t"]) if "t" in method else self.empty
        super().__init__(_parameters(method), return_annotation=returns)
        return object.__getattribute__(self, name)


def _signature(method):
    signature = _Signature.__new__(_Signature)
    signature._method = method
    return signature


def _doc(service, method):
    lines = [method.get("d", "")]
    if method.get("x"):
        lines.append("Deprecated.")
    described = [f"    {p['n']}: {p['d']}" for p in method["p"] if p.get("d")]
    if described:
        lines += ["", "Parameters:", *described]
    return "\n".join([*lines, "", f"Calls {service}.{method['m']} ({method['e']})."]).strip()


def _counted(parameters):
    return "1 argument" if len(parameters) == 1 else f"{len(parameters)} arguments"


def _sent(shown, name, kind, value):
    """What is sent for a value, which for most is itself: a Decimal is a number where the service takes one."""
    if isinstance(value, Decimal) and _says(kind, "float", "int"):
        return _number(shown, name, value)
    if isinstance(value, (bytes, bytearray)) and _says(kind, "str"):
        text = f"`{shown}` takes `{name}: {kind}`, not bytes; text is {name}.decode(), anything else base64.b64encode({name}).decode()"
        raise refusal("TypeError", "arguments.value", text, shown)
    if isinstance(value, (list, tuple)) and _says(kind, "list"):
        return [_sent(shown, name, kind, part) for part in value]
    return value


def _says(kind, *names):
    return not set(names).isdisjoint(re.findall(r"\w+", kind))


def _number(shown, name, value):
    """The number that is this Decimal, to its last digit."""
    if value.is_finite():
        if value == value.to_integral_value():
            return int(value)
        number = float(value)
        if Decimal(repr(number)) == value:
            return number
    text = f"`{name}` of `{shown}` is {value}, which has more digits than a number in JSON: round({name}, 4)"
    raise refusal("ValueError", "arguments.value", text, shown)


class _Bound(Method):
    """A method of a service, and what its parameters are called."""

    __slots__ = ("name", "parameters", "named")

    def __init__(self, service, method):
        super().__init__(service, method["m"])
        self.name = method["n"]
        self.parameters = [(p["n"], p.get("m", p["n"]), p.get("t", "")) for p in method["p"]]
        self.named = {parameter[0]: parameter for parameter in self.parameters}

    def params(self, args, kwargs):
        """What was passed, by the names that the service has for it. The host checks names and values; what it could
        not see any more is refused here as it would be there."""
        parameters, params = self.parameters, {}
        if len(args) > len(parameters):
            text = f"{self.name}() takes {_counted(parameters)} but {len(args)} {'was' if len(args) == 1 else 'were'} given"
            raise refusal("TypeError", "arguments.too_many", text, self.shown)
        for (name, wire, kind), value in zip(parameters, args):
            params[wire] = value if type(value) in _SENT_AS_IT_IS else _sent(self.shown, name, kind, value)
        for key, value in kwargs.items():
            name, wire, kind = self.named.get(key) or (key, key, "")
            if wire in params:
                raise refusal("TypeError", "arguments.twice", f"{self.name}() got multiple values for argument {key!r}", self.shown)
            params[wire] = value if type(value) in _SENT_AS_IT_IS else _sent(self.shown, name, kind, value)
        return params


_SENT_AS_IT_IS = frozenset((str, int, float, bool, dict, type(None)))


def _function(service, data, later):
    """A method as a function, or as a coroutine function."""
    method = _Bound(service, data)
    if later:

        async def function(*args, **kwargs):
            return await awaited(begin(method, method.params(args, kwargs)), method.shown)

    else:
        noted = (service,)

        def function(*args, **kwargs):
            _called[:] = noted
            return call(method, method.params(args, kwargs))

        function._method = method
    function.__name__ = function.__qualname__ = method.name
    function.__module__ = f"services.aio.{service}" if later else f"services.{service}"
    function.__doc__, function.__signature__ = _doc(service, data), _signature(data)
    return function


def _class_name(service):
    return "".join(part.capitalize() for part in service.split("_")) + "Client"


class Module(types.ModuleType):
    """A service, as a module: its methods, each named `namespace_method`, and a client class."""

    def __init__(self, name, data, later):
        kind = "services.aio." if later else "services."
        super().__init__(kind + name, "\n\n".join(filter(None, [data["summary"], data["text"]])))
        methods = {method["n"]: method for method in data["methods"]}
        vars(self).update(_name=name, _methods=methods, _later=later, __all__=sorted([*methods, _class_name(name)]))

    def __getattr__(self, name):
        known = vars(self)
        methods = known["_methods"]
        if name in methods:
            value = _function(known["_name"], methods[name], known["_later"])
        elif name == _class_name(known["_name"]):
            value = _client(self, name, methods)
        elif name.startswith("__"):  # the interpreter asks for such
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        else:
            raise AttributeError(f"service {known['_name']!r} has no method {name!r}{_instead(name, methods)}")
        known[name] = value
        return value

    def __dir__(self):
        return self.__all__

    def __repr__(self):
        return f"<service {self.__name__!r}>"


def _client(module, name, methods):
    """The class that generated clients have."""
    functions = {method: staticmethod(getattr(module, method)) for method in methods}
    return type(name, (), {"__doc__": module.__doc__, "__module__": module.__name__, "__init__": lambda self, *_arguments, **_named: None, **functions})


def _instead(name, names):
    """What was probably meant, and what there is."""
    near = difflib.get_close_matches(name, names, 1, 0.6)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    shown = sorted(names)
    more = f" and {len(shown) - 40} more" if len(shown) > 40 else ""
    return f"{meant}; there are: {', '.join(shown[:40])}{more}" if shown else "; there are none"


def available():
    """The services that this context may use."""
    try:
        return _available()
    except Exception:  # the run may make no call any more
        return []


_called = []


def last_called():
    """The service of which a method that is not awaited was called last, or `None`."""
    return _called[0] if _called else None


def _available():
    return [service["name"] for service in call(_SERVICES, {})]


def _data(name):
    """What the host says of a service; kept for the run."""
    data = _known.get(name)
    if data is None:
        data = call(_INTERFACE, {"service": name})
        data["text"] = "\n".join([f"{key} = {value}" for key, value in data["types"].items()])
        _known[name] = data
    return data


_known = {}
_SERVICES, _INTERFACE = Method("sandgate", "services"), Method("sandgate", "interface")


class _Package(types.ModuleType):
    """`services` and `services.aio`: a module for each service that this context may use."""

    def __getattr__(self, name):
        if name == "__all__":
            return _available()
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Client"):
            for service in _available():
                if _class_name(service) == name:
                    return getattr(_load(self, service), name)
        try:
            return _load(self, name)
        except Refused:
            raise AttributeError(_missing(name)) from None

    def __dir__(self):
        return [*_available(), "ServiceError", "Refused", *(["aio"] if self is services else [])]


def forget():
    """Forgets the services that were asked for, and what they were asked."""
    for package in (services, aio):
        for name in _known:
            vars(package).pop(name, None)
            sys.modules.pop(f"{package.__name__}.{name}", None)
    _known.clear()
    _called.clear()


def _missing(name):
    return f"no service {name!r} is available{_instead(name, _available())}"


def _load(package, name):
    module = Module(name, _data(name), package is aio)
    package.__dict__[name] = sys.modules[f"{package.__name__}.{name}"] = module
    return module


class _Finder:
    """`import services.hero_biz`, and the module that generated clients were imported from, `hero_biz_client`."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        parent, _, service = name.rpartition(".")
        if parent not in ("services", "services.aio"):
            service = name.removesuffix("_client")
            if parent or service == name or service not in _available():
                return None
            parent = "services"
        return importlib.machinery.ModuleSpec(name, cls, loader_state=(sys.modules[parent], service))

    @staticmethod
    def create_module(spec):
        package, service = spec.loader_state
        try:
            return _load(package, service)
        except Refused:
            raise ModuleNotFoundError(_missing(service), name=service) from None

    @staticmethod
    def exec_module(module):
        pass


services = _Package("services", "The services of this context: `from services import NAME`, then `NAME.method(…)`. `services.aio` has them to await.")
aio = _Package("services.aio", "The services of this context; every method is a coroutine function.")
for _package in (services, aio):
    _package.__path__ = []
    _package.ServiceError, _package.Refused = ServiceError, Refused
services.aio = aio
ServiceError.__module__ = Refused.__module__ = "services"
sys.modules.update({"services": services, "services.aio": aio})
sys.meta_path.insert(0, _Finder)
