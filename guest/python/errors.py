"""What errors say: completes the messages and positions that RustPython leaves out, so that they read as CPython's.

Run once before the snapshot. `errors.rs` puts what COMPLETED holds on the built-in exceptions; the rest replaces functions
of `traceback`, `logging` and `sys`. Everything here is asked only when an exception is shown, and must never raise.
"""

import ast
import datetime
import inspect
import linecache
import logging
import re
import sys
import traceback
import types
from _sandgate import WORKSPACE

_OWN = "<sandgate."


def amend(error):
    """Completes an exception in place; a second time changes nothing."""
    rule = _RULES.get(type(error))
    if rule is not None:
        try:
            rule(error)
        except Exception:  # what cannot be completed is shown as it is
            pass


# Where an error was raised, and from what expression.


def _last(traceback_):
    while traceback_ is not None and traceback_.tb_next is not None:
        traceback_ = traceback_.tb_next
    return traceback_


def last_frame(error):
    """The frame that raised, or `None`."""
    last = _last(error.__traceback__)
    return last and last.tb_frame


def _raised_by(error):
    """The frame that raised, and the expression that did; the latter is None where there is no source."""
    last = _last(error.__traceback__)
    if last is None:
        return None, None
    code = last.tb_frame.f_code
    line, end_line, column, end_column = traceback._get_code_position(code, last.tb_lasti)
    if None in (line, end_line, column, end_column):
        return last.tb_frame, None
    lines = [linecache.getline(code.co_filename, number).encode() for number in range(line, end_line + 1)]
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    try:
        return last.tb_frame, ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except SyntaxError:
        return last.tb_frame, None


_MISSING = object()


def _named(node, frame):
    """What a name or a chain of attributes stands for, looked up without running anything of the script."""
    if isinstance(node, ast.Name):
        for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
            if node.id in names:
                return names[node.id]
    elif isinstance(node, ast.Attribute):
        owner = _named(node.value, frame)
        if owner is not _MISSING:
            return inspect.getattr_static(owner, node.attr, _MISSING)
    return _MISSING


def _qualified(name, frame):
    """What a `__qualname__` stands for, seen from a frame and then from every module."""
    if "<locals>." in name:
        name = name.rpartition("<locals>.")[2]
    first, *rest = name.split(".")
    spaces = [frame.f_locals, frame.f_globals, frame.f_builtins]
    spaces += [vars(module) for module in list(sys.modules.values()) if isinstance(module, types.ModuleType)]
    for names in spaces:
        found = names.get(first, _MISSING)
        for attribute in rest:
            if found is not _MISSING:
                found = inspect.getattr_static(found, attribute, _MISSING)
        if found is not _MISSING:
            return found
    return _MISSING


# The keywords of what is written in Rust and has no signature to ask.
_NATIVE = {
    max: "key default",
    min: "key default",
    int: "base",
    str: "object encoding errors",
    datetime.timedelta: "days seconds microseconds milliseconds minutes hours weeks",
    datetime.date: "year month day",
    datetime.time: "hour minute second microsecond tzinfo fold",
    datetime.datetime: "year month day hour minute second microsecond tzinfo fold",
}


def takes_keywords(function, names):
    """Says which keywords a function takes that is written in Rust."""
    _NATIVE[function] = names


def _keywords(function):
    """The names that a call may give by keyword."""
    if isinstance(function, (staticmethod, classmethod, types.MethodType)):
        function = function.__func__
    if isinstance(function, type):
        for name in ("__init__", "__new__"):
            found = inspect.getattr_static(function, name, None)
            found = getattr(found, "__func__", found)
            if isinstance(found, types.FunctionType):
                function = found
                break
    if isinstance(function, types.FunctionType):
        code = function.__code__
        return code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
    if function in _NATIVE:
        return _NATIVE[function].split()
    return re.findall(r"(\w+)=", getattr(function, "__text_signature__", None) or "")


class _Candidates:
    """What `traceback` may choose a near miss from."""

    def __init__(self, names):
        self.names = names

    def __dir__(self):
        return list(self.names)


def _near_miss(wrong, names):
    error = AttributeError(name=wrong, obj=_Candidates(names))
    return traceback._compute_suggestion_error(error, None, wrong)


# Messages.


def _type_error(error):
    if len(error.args) != 1 or not isinstance(error.args[0], str):
        return
    said = error.args[0]
    for pattern, rule in _TYPE_ERRORS:
        found = pattern.match(said)
        completed = found and rule(error, said, found)
        if completed:
            error.args = (completed,)
            return


def _unexpected_keyword(error, said, found):
    frame, call = _raised_by(error)
    function = _named(call.func, frame) if isinstance(call, ast.Call) else _MISSING
    if function is _MISSING or isinstance(function, property):
        function = _qualified(found[1], frame)
    near = function is not _MISSING and _near_miss(found[2], _keywords(function))
    return near and f"{said}. Did you mean '{near}'?"


def _module_called(error, said, _found):
    frame, call = _raised_by(error)
    module = _named(call.func, frame)
    name = module.__name__
    return callable(getattr(module, name, None)) and f"{said}. Did you mean: '{name}.{name}(...)'?"


def _unhashable(error, said, found):
    frame, node = _raised_by(error)
    key = isinstance(node, (ast.Dict, ast.DictComp))
    if isinstance(node, ast.Subscript):
        key = isinstance(_named(node.value, frame), dict)
    return key and f"cannot use {found[1]} as a dict key ({said})"


def _unhashable_element(error, _said, _found):
    error.__cause__ = None  # CPython raises one error, not two
    error.__suppress_context__ = True


def _not_bytes(error, _said, found):
    _frame, node = _raised_by(error)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and f"can't concat {found[1]} to bytes"


_TYPE_ERRORS = [
    (re.compile(pattern), rule)
    for pattern, rule in [
        (r"(.+)\(\) got an unexpected keyword argument '(\w+)'$", _unexpected_keyword),
        (r"'module' object is not callable$", _module_called),
        (r"class \S+ without an implementation for", lambda _error, said, _found: "Can't instantiate abstract " + said),
        (r"unhashable type: ('.+')$", _unhashable),
        (r"cannot use '.+' as a set element", _unhashable_element),
        (r"Cannot add list and (\w+)$", lambda _error, _said, found: f'can only concatenate list (not "{found[1]}") to list'),
        (
            r"can only concatenate tuple \(not '(\w+)'\) to tuple$",
            lambda _error, _said, found: f'can only concatenate tuple (not "{found[1]}") to tuple',
        ),
        (r"a bytes-like object is required, not '(\w+)'$", _not_bytes),
        (
            r"exceptions must be classes or instances deriving from BaseException",
            lambda *_: "exceptions must derive from BaseException",
        ),
    ]
]


def _unbound(error):
    found = re.match(r"local variable ('.+') referenced before assignment$", error.args[0])
    if found:
        error.args = (f"cannot access local variable {found[1]} where it is not associated with a value",)


def _recursion(error):
    if error.args and error.args[0].endswith(" "):
        error.args = (error.args[0].rstrip(), *error.args[1:])


def _value_error(error):
    if len(error.args) == 1 and isinstance(error.args[0], str) and error.args[0].endswith(" is not in list"):
        frame, call = _raised_by(error)
        called = getattr(getattr(call, "func", None), "attr", None)
        methods = {"index", "remove"}.intersection(frame.f_code.co_names if called is None else (called,))
        if len(methods) == 1:
            error.args = (f"list.{methods.pop()}(x): x not in list",)


_HOST_NUMBER = re.compile(r" \(os error \d+\)$")


_strerror = OSError.__dict__["strerror"]


def _get_strerror(error):
    said = _strerror.__get__(error)
    return _HOST_NUMBER.sub("", said) if isinstance(said, str) else said


_files = types.SimpleNamespace(there=True)


def no_files():
    """Says that the run has none."""
    _files.there = False


def _os_error(error):
    said = _strerror.__get__(error)
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str) and said and "(" not in said:
        absolute = error.filename.startswith("/")
        if not _files.there:
            said = f"{said} (this run has no files)"
        elif absolute and not f"{error.filename}/".startswith(f"{WORKSPACE}/"):
            said = f"{said} (the files of a run are in {WORKSPACE})"
        _strerror.__set__(error, said)
        error.args = (error.errno, said)
    if isinstance(said, str) and _HOST_NUMBER.search(said):
        _strerror.__set__(error, _get_strerror(error))
        error.args = (error.errno, _get_strerror(error))


_CODEC_NOTE = re.compile(r"(en|de)coding with '(utf|ascii|latin)[-_\w]*' codec failed$")


def _unicode_error(error):
    notes = getattr(error, "__notes__", None)
    if notes:
        notes[:] = [note for note in notes if not _CODEC_NOTE.match(note)]


# Syntax errors. The source is what RustPython keeps for the near misses of keywords.

_TOKEN = re.compile(
    r'''(?P<string>[A-Za-z]{0,2}(?:"""(?:[^\\]|\\[\s\S])*?"""|\'\'\'(?:[^\\]|\\[\s\S])*?\'\'\'|"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'))'''
    r"""|(?P<skip>[^\S\n]+|\\\n|\#[^\n]*)|(?P<line>\n)|(?P<name>\w+(?:\.\d+)?)"""
    r"""|(?P<op>\*\*=?|//=?|>>=?|<<=?|!=|->|:=|[-+*/%&|^@=<>]=|[\s\S])"""
)
_PERHAPS_COMMA = "invalid syntax. Perhaps you forgot a comma?"
_BEFORE_EXPRESSION = frozenset(",:=([{")
_NO_OPERAND = (ast.Lambda, ast.IfExp)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


class _Source:
    """The text around a syntax error, as tokens."""

    def __init__(self, text, line, offset):
        self.text = text
        self.starts = [0]
        for each in text.split("\n"):
            self.starts.append(self.starts[-1] + len(each) + 1)
        self.position = self.starts[line - 1] + max(offset, 1) - 1
        self.tokens, depth = [], []
        self.at = None  # the token that the error was found at, which may be the end of a line
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            if kind == "skip" or kind == "line" and depth:
                continue
            if self.at is None and token.end() > self.position:
                self.at, self.open = len(self.tokens), bool(depth)
            self.tokens.append(token)
            if token[0] in _OPENING:
                depth.append(len(self.tokens) - 1)
            elif token[0] in _CLOSING and depth:
                depth.pop()
        if self.at is None:
            self.at, self.open = len(self.tokens), bool(depth)

    def expression(self, start, end):
        """The expression that tokens start to end (without) are, if they are one."""
        if not 0 <= start < end <= len(self.tokens):
            return None
        try:
            text = self.text[self.tokens[start].start() : self.tokens[end - 1].end()]
            return ast.parse(f"({text}\n)", mode="eval").body
        except (SyntaxError, ValueError):
            return None

    def longest(self, start, unwanted=()):
        """Where the longest expression that begins at a token ends; `start` if there is none."""
        longest, depth = start, 0
        for at in range(start, min(start + 200, len(self.tokens))):
            token = self.tokens[at]
            depth += (token[0] in _OPENING) - (token[0] in _CLOSING)
            if depth < 0 or depth == 0 and (token.lastgroup == "line" or token[0] in ",;"):
                break
            if depth == 0:
                found = self.expression(start, at + 1)
                if found is not None and not isinstance(found, unwanted):
                    longest = at + 1
        return longest

    def place(self, position):
        """Line and offset of a position, both counted from 1."""
        line = self.text.count("\n", 0, position) + 1
        return line, position - self.starts[line - 1] + 1

    def line(self):
        """Where the line of the statement that has the error begins and ends, in tokens."""
        start = end = self.at
        while start and self.tokens[start - 1].lastgroup != "line":
            start -= 1
        while end < len(self.tokens) and self.tokens[end].lastgroup != "line":
            end += 1
        return start, end

    def mark(self, error, start, end):
        """Puts the carets below tokens start to end (without)."""
        error.lineno, error.offset = self.place(self.tokens[start].start())
        error.end_lineno, error.end_offset = self.place(self.tokens[end - 1].end())
        error.text = self.text[self.starts[error.lineno - 1] :].partition("\n")[0] + "\n"


def _forgotten_comma(error, source):
    """Two expressions in brackets with nothing between them."""
    at = start = source.at
    if not source.open or source.tokens[at][0] in _CLOSING:
        return
    depth = 0
    while depth or source.tokens[start - 1][0] not in _BEFORE_EXPRESSION:
        start -= 1
        depth += (source.tokens[start][0] in _CLOSING) - (source.tokens[start][0] in _OPENING)
    if start == at:  # the error was found at the first of the two
        at = source.longest(at, _NO_OPERAND)
    left = source.expression(start, at)
    if left is None or isinstance(left, (ast.Tuple, *_NO_OPERAND, ast.NamedExpr)):
        return
    if isinstance(left, ast.Name) and source.tokens[at].lastgroup == "string":
        return  # perhaps a prefix that strings do not have
    end = source.longest(at, (ast.Tuple, *_NO_OPERAND))
    if end > at:
        error.msg = _PERHAPS_COMMA
        source.mark(error, start, end)


def _invalid_syntax(error, source):
    before = source.tokens[source.at - 1][0] if source.at else ""
    character = source.text[source.position]
    if not character.isascii() and not character.isidentifier():
        kind = "character" if character.isprintable() else "non-printable character"
        shown = f" '{character}' (U+{ord(character):04X})" if character.isprintable() else f" U+{ord(character):04X}"
        error.msg = f"invalid {kind}{shown}"
    elif source.text.startswith("<>", source.position):
        error.msg = "invalid syntax.  Maybe you meant '!=' instead of '<>'?"
    elif not source.open and (before in ("else", "try", "finally") or before == ")" and _defines(source)):
        error.msg = "expected ':'"
        source.mark(error, source.at, source.at + 1)
    else:
        _forgotten_comma(error, source)


def _defines(source):
    return source.tokens[source.line()[0]][0] in ("def", "async")


def _missing_parentheses(error, source):
    source.mark(error, source.at, source.line()[1])


def _assigned(error, source):
    """`if x = 3`: up to the end of what is assigned."""
    for at in range(source.at, source.line()[1]):
        if source.tokens[at][0] == "=":
            end = source.longest(at + 1, (ast.Compare, ast.BoolOp, *_NO_OPERAND))
            if end > at + 1:
                source.mark(error, source.at, end)
            return


def _no_else(error, source):
    """`1 if x`: all of it, which begins where an `else` would make it whole."""
    begin, end = source.line()
    for start in range(begin, source.at):
        try:
            text = source.text[source.tokens[start].start() : source.tokens[source.at - 1].end()]
            ast.parse(f"({text} else 0)", mode="eval")
        except SyntaxError:
            continue
        source.mark(error, start, source.at)
        return


def _no_block(error, source):
    """At the end of the text: after its last line that is not empty."""
    if all(token.lastgroup == "line" for token in source.tokens[source.at :]):
        last = source.text.rstrip().rpartition("\n")[2]
        error.lineno = error.end_lineno = source.text.rstrip().count("\n") + 1
        error.text, error.offset, error.end_offset = last + "\n", len(last) + 1, -1


def _positional_last(error, source):
    """`f(a=1, 2)`: what follows the argument."""
    end = source.longest(source.at)
    if source.at < end < len(source.tokens):
        source.mark(error, end, end + 1)


def _bad_escape(error, source):
    """`"C:\\Users"`: which escape, and why, as the codec says."""
    token = source.tokens[source.at]
    quotes = token[0].lstrip("bBrRuUfFtT")
    width = 3 if quotes[:3] in ('"""', "'''") else 1
    try:
        quotes[width:-width].encode("ascii", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError as why:
        error.msg = f"(unicode error) {why}"
        source.mark(error, source.at, source.at + 1)


def _unterminated_f(error, source):
    """From the prefix on."""
    before = source.text[: source.position]
    error.offset -= len(before) - len(before.rstrip("fFrRtT"))


def _unterminated(error, source):
    """The last line that the text has, not the one that a newline would begin."""
    if source.text.endswith("\n"):
        lines = source.text.count("\n")
        error.msg = re.sub(r"line (\d+)", lambda found: f"line {min(int(found[1]), lines)}", error.msg)


def _with_equals(error, source):
    """`f(a.b = 1)`: the sign belongs to what is marked."""
    end = source.starts[error.end_lineno - 1] + error.end_offset - 1
    if source.text[end : end + 1] == "=":
        error.end_offset += 1


_SYNTAX_ERRORS = {
    "invalid syntax": _invalid_syntax,
    _PERHAPS_COMMA: _forgotten_comma,
    "invalid syntax. Maybe you meant '==' or ':=' instead of '='?": _assigned,
    'expression cannot contain assignment, perhaps you meant "=="?': _with_equals,
    "expected 'else' after 'if' expression": _no_else,
    "got unexpected unicode": _bad_escape,
}
_SYNTAX_ERRORS_THAT_BEGIN = {
    "Missing parentheses in call": _missing_parentheses,
    "unterminated triple-quoted string": _unterminated,
    "unterminated f-string": _unterminated_f,
    "expected an indented block": _no_block,
    "positional argument follows keyword": _positional_last,
}


def _syntax_error(error):
    metadata = getattr(error, "_metadata", None)
    if metadata is None or len(error.args) > 1:  # not of a compiler, or completed already
        return
    try:
        if error.msg == "unexpected indentation":
            error.msg = "unexpected indent"
        rule = _SYNTAX_ERRORS.get(error.msg)
        for beginning, other in _SYNTAX_ERRORS_THAT_BEGIN.items():
            rule = other if error.msg.startswith(beginning) else rule
        if error.text is None:
            error.text = linecache.getline(error.filename, error.lineno) or None
        if rule is not None:
            rule(error, _Source(metadata[2], error.lineno, error.offset))
    finally:
        place = (error.filename, error.lineno, error.offset, error.text, error.end_lineno, error.end_offset)
        error.args = (error.msg, place)


_RULES = {
    TypeError: _type_error,
    ValueError: _value_error,
    UnboundLocalError: _unbound,
    RecursionError: _recursion,
    UnicodeDecodeError: _unicode_error,
    UnicodeEncodeError: _unicode_error,
}


def add_rule(kind, rule):
    """Has the exceptions of a type completed by one more function."""
    _RULES[kind] = rule


def add_type_error(pattern, rule):
    """Has type errors of this text completed by a function, before it is asked what else could complete them."""
    _TYPE_ERRORS.insert(0, (re.compile(pattern), rule))


_RULES.update(dict.fromkeys((SyntaxError, IndentationError, TabError), _syntax_error))
_RULES.update(dict.fromkeys([OSError, *OSError.__subclasses__(), *ConnectionError.__subclasses__()], _os_error))


def _completed(kind):
    """`str` and `repr` of a built-in exception, which first complete it."""
    str_, repr_ = kind.__str__, kind.__repr__

    def __str__(self):
        amend(self)
        return str_(self)

    def __repr__(self):
        amend(self)
        return repr_(self)

    return (kind, "__str__", __str__), (kind, "__repr__", __repr__)


# Not RecursionError: where one is caught there may be no room for another call.
COMPLETED = [entry for kind in (TypeError, ValueError, NameError, UnboundLocalError, AttributeError, SyntaxError, OSError) for entry in _completed(kind)]
COMPLETED.append((OSError, "strerror", property(_get_strerror, lambda error, said: _strerror.__set__(error, said))))


# Tracebacks.


def _own(frame):
    return frame.f_code.co_filename.startswith(_OWN)


_walk_traceback = traceback._walk_tb_with_full_positions
_walk_stack = traceback.walk_stack
_init = traceback.TracebackException.__init__


def _walk_tb_with_full_positions(tb):
    """Frames of this package say nothing to who reads a traceback of a script."""
    return (each for each in _walk_traceback(tb) if not _own(each[0]))


def walk_stack(f):
    return (each for each in _walk_stack(sys._getframe().f_back if f is None else f) if not _own(each[0]))


def __init__(self, exc_type, exc_value, exc_traceback, **named):
    amend(exc_value)
    _init(self, exc_type, exc_value, exc_traceback, **named)


traceback._walk_tb_with_full_positions = _walk_tb_with_full_positions
traceback.walk_stack = walk_stack
traceback.TracebackException.__init__ = __init__


def _unraisablehook(unraisable):
    """What became of an exception that nobody could catch, on stderr."""
    said, object_ = unraisable.err_msg, unraisable.object
    try:
        shown = None if object_ is None else repr(object_)
    except Exception:
        shown = f"<object {type(object_).__name__} repr() failed>"
    if shown is None or said and shown in said:
        first = f"{said or 'Exception ignored in'}:"
    else:
        first = f"{said or 'Exception ignored in'}: {shown}"
    shown = traceback.TracebackException(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
    sys.stderr.write(first + "\n" + "".join(shown.format(chain=False)))


def _excepthook(exc_type, exc_value, exc_traceback):
    traceback.print_exception(exc_type, exc_value, exc_traceback)


_unraisablehook.__name__, _excepthook.__name__ = "unraisablehook", "excepthook"
sys.unraisablehook = sys.__unraisablehook__ = _unraisablehook
sys.excepthook = sys.__excepthook__ = _excepthook


def _handle_error(self, record):
    """As the original, which looks for its own frames by a directory that frozen modules do not have."""
    if not (logging.raiseExceptions and sys.stderr):
        return
    error = sys.exception()
    try:
        sys.stderr.write("--- Logging error ---\n")
        traceback.print_exception(error, file=sys.stderr)
        sys.stderr.write("Call stack:\n")
        frame = error.__traceback__.tb_frame
        while frame and frame.f_code.co_filename.partition(".")[0] == "logging":
            frame = frame.f_back
        if frame:
            traceback.print_stack(frame, file=sys.stderr)
        else:
            sys.stderr.write(f"Logged from file {record.filename}, line {record.lineno}\n")
        try:
            sys.stderr.write(f"Message: {record.msg!r}\nArguments: {record.args}\n")
        except RecursionError:
            raise
        except Exception:
            sys.stderr.write(
                "Unable to print the message and arguments - possible formatting error.\n"
                "Use the traceback above to help find the error.\n"
            )
    except OSError:
        pass


_handle_error.__name__ = "handleError"
logging.Handler.handleError = _handle_error
