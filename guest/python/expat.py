"""The module `pyexpat` in Python: xml.etree, xml.dom, xml.sax, plistlib and xmlrpc read documents through it.

Run once before the snapshot; the last lines put it into `sys.modules` in the place of the interpreter's own, which
takes malformed documents for good ones. What it reports, in which order, at which position and with which error
follows libexpat 2.7; names may have the characters of the fifth edition of XML. Content is read by one regular
expression that takes a run of text and the tag or reference after it. It must never load anything: an external entity
is offered to the program's handler, or skipped.
"""

import codecs
import re
import sys
import types

import _elementtree
from _sandgate_declarations import Declarations, Dtd
from _sandgate_grammar import ALLOWED, CODES, FORBIDDEN, GRAMMARS, LINES, PREDEFINED, SETTING, SPACE, TEXT, TEXTS, XML
from _sandgate_names import Names


class ExpatError(Exception):
    """A document that is not well-formed; `code`, `lineno` and `offset` say why and where."""


ExpatError.__module__ = "xml.parsers.expat"


_BOTTOM = (None, None, None)  # on the stack of elements, where an entity begins


def _held(text, at):
    """How much of the end may with what follows be the end of a line or of a section, or the forbidden `]]>`."""
    last = text[max(at, len(text) - 2) :]
    return 1 if last.endswith("\r") else len(last) - len(last.rstrip("]"))


def _single_lines(text):
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


# Decoders take bytes and give the text, how many bytes they took, and whether the next one is wrong.
def _builtin_decoder(decode):
    def decoder(raw):
        try:
            return *decode(raw, "strict", False), False
        except UnicodeDecodeError as error:
            return decode(raw[: error.start], "strict", True)[0], error.start, True

    return decoder


_DECODERS = {
    "utf-8": _builtin_decoder(codecs.utf_8_decode),
    "utf-16le": _builtin_decoder(codecs.utf_16_le_decode),
    "utf-16be": _builtin_decoder(codecs.utf_16_be_decode),
    "us-ascii": _builtin_decoder(lambda raw, errors, _final: codecs.ascii_decode(raw, errors)),
    "iso-8859-1": lambda raw: (raw.decode("latin-1"), len(raw), False),
}


_FIXED = set("\t\n\r") | {chr(at) for at in range(32, 127)} - set("$@\\^`{}~")


def _table_decoder(name):
    """A decoder for one of Python's own encodings of one byte a character; None where markup would look different."""
    try:
        codecs.lookup(name)
    except LookupError:
        raise LookupError(f"unknown encoding: {name}") from None
    table = bytes(range(256)).decode(name, "replace")
    if len(table) != 256:
        raise ValueError("multi-byte encodings are not supported")
    if any(char != chr(at) and (char in _FIXED or chr(at) in _FIXED) for at, char in enumerate(table)):
        return None
    wrong = [re.escape(chr(at)) for at, char in enumerate(table) if char == "\ufffd"]
    wrong = wrong and re.compile(f"[{''.join(wrong)}]").search

    def decoder(raw):
        text = raw.decode("latin-1")
        found = wrong and wrong(text)
        if found:
            text = text[: found.start()]
        return text.translate(table), len(text), bool(found)

    return decoder


def _flag(name):
    def change(self, value):
        self._flush()
        setattr(self, name, bool(value))
        self._choose_gather()

    return property(lambda self: getattr(self, name), change)


class xmlparser(Declarations, Names):
    """XML parser"""

    __slots__ = (
        *"""StartElementHandler EndElementHandler ProcessingInstructionHandler UnparsedEntityDeclHandler
        NotationDeclHandler StartNamespaceDeclHandler EndNamespaceDeclHandler CommentHandler StartCdataSectionHandler
        EndCdataSectionHandler NotStandaloneHandler ExternalEntityRefHandler StartDoctypeDeclHandler
        EndDoctypeDeclHandler EntityDeclHandler XmlDeclHandler ElementDeclHandler AttlistDeclHandler
        SkippedEntityHandler""".split(),
        *"""intern ErrorCode _characters _default _expanding _buffering _size _ordered _specified _triplets _base
        _gather _grammar _separator _names _attribute_names _bindings _root _encoding _declared _decoder _refused
        _deferral _parameters _foreign _pending _waiting _enough _left _wrong _text _at _here _frames _mark _near _returns _state
        _final _busy _over _stack _pieces _cdata _words _fresh _levels _doctype _dtd""".split(),
    )

    def __init__(self, encoding, separator, intern):
        for name in _HANDLERS:
            setattr(self, name, None)
        self.intern = intern
        self.ErrorCode = 0
        self._characters = self._default = self._base = self._gather = None
        self._expanding = self._deferral = self._root = True
        self._buffering = self._ordered = self._specified = self._triplets = self._foreign = False
        self._size, self._parameters = 8192, 0
        self._separator, self._grammar = separator, GRAMMARS[separator is not None]
        self._names, self._attribute_names, self._bindings = {}, {}, {"xml": XML}
        self._encoding, self._declared, self._decoder, self._refused = encoding, encoding, None, None
        self._pending, self._waiting, self._enough, self._left, self._wrong = [], 0, 0, b"", False
        self._text, self._at, self._here, self._returns = "", 0, 0, False
        self._mark = self._near = (0, 1, 0, 0)  # where positions are counted from: place, line, column, byte
        self._frames = []  # entities that are open: (entity, text around it, where that goes on, reference)
        self._state, self._final, self._busy, self._over = "start", False, False, False
        self._stack, self._pieces, self._cdata = [], [], False
        self._words, self._fresh, self._levels, self._doctype = [], True, [], None
        self._dtd = Dtd()

    # Settings.

    buffer_text = _flag("_buffering")
    ordered_attributes = _flag("_ordered")
    specified_attributes = _flag("_specified")
    namespace_prefixes = _flag("_triplets")

    @property
    def buffer_size(self):
        return self._size

    @buffer_size.setter
    def buffer_size(self, size):
        if not isinstance(size, int):
            raise TypeError("buffer_size must be an integer")
        if not 0 < size <= sys.maxsize:
            raise ValueError("buffer_size must be greater than zero")
        self._flush()
        self._size = size

    @property
    def buffer_used(self):
        return sum(map(len, self._pieces))

    @property
    def CharacterDataHandler(self):
        return self._characters

    @CharacterDataHandler.setter
    def CharacterDataHandler(self, handler):
        self._flush()
        self._characters = handler
        self._choose_gather()

    def _choose_gather(self):
        self._gather = self._pieces.append if self._buffering and self._characters else None

    @property
    def DefaultHandler(self):
        return None if self._expanding else self._default

    @DefaultHandler.setter
    def DefaultHandler(self, handler):
        self._default, self._expanding = handler, False

    @property
    def DefaultHandlerExpand(self):
        return self._default if self._expanding else None

    @DefaultHandlerExpand.setter
    def DefaultHandlerExpand(self, handler):
        self._default, self._expanding = handler, True

    def SetBase(self, base, /):
        self._base = base

    def GetBase(self):
        return self._base

    def SetParamEntityParsing(self, flag, /):
        self._parameters = flag
        return 1

    def UseForeignDTD(self, flag=True, /):
        if self._state != "start":
            raise self._error(CODES.CANT_CHANGE_FEATURE_ONCE_PARSING)
        self._foreign = bool(flag)

    def GetReparseDeferralEnabled(self):
        return self._deferral

    def SetReparseDeferralEnabled(self, enabled, /):
        self._deferral = bool(enabled)

    def _protect(self, setting, value):
        if not self._root:
            raise self._error(CODES.INVALID_ARGUMENT, "parser must be a root parser")
        if setting == "factor" and not value >= 1.0:
            raise self._error(CODES.INVALID_ARGUMENT, "'max_factor' must be at least 1.0")
        setattr(self._dtd, setting, value)

    def SetBillionLaughsAttackProtectionActivationThreshold(self, threshold, /):
        if not isinstance(threshold, int):
            raise TypeError("threshold must be an integer")
        if threshold < 0:
            raise ValueError("threshold must not be negative")
        if threshold >= 1 << 64:
            raise OverflowError("threshold is too large")
        self._protect("threshold", threshold)

    def SetBillionLaughsAttackProtectionMaximumAmplification(self, max_factor, /):
        if not isinstance(max_factor, (int, float)):
            raise TypeError("max_factor must be a number")
        self._protect("factor", max_factor)

    # Positions. They are counted when somebody asks, from the last place that was counted.

    def _position(self):
        at = self._frames[0][3] if self._frames else self._here
        if type(at) is not int:
            at = at.end(1)
        start, line, column, octets = self._near if at >= self._near[0] else self._mark
        passed = self._text[start:at]
        lines = passed.count("\n")
        last = passed.rfind("\n")
        if "\r" in passed:
            lines += passed.count("\r") - passed.count("\r\n")
            last = max(last, passed.rfind("\r"))
        column = column + len(passed) if last < 0 else len(passed) - last - 1
        self._near = (at, line + lines, column, octets + len(self._encoded(passed)))
        return self._near

    def _encoded(self, text):
        encoding = self._encoding if self._encoding in _DECODERS else "latin-1"
        return text.encode(encoding, "replace")

    CurrentLineNumber = ErrorLineNumber = property(lambda self: self._position()[1])
    CurrentColumnNumber = ErrorColumnNumber = property(lambda self: self._position()[2])
    CurrentByteIndex = ErrorByteIndex = property(lambda self: self._position()[3])

    def GetInputContext(self):
        return self._encoded(self._text[self._position()[0] :]) if self._busy else None

    def _error(self, code, message=None):
        self.ErrorCode = code
        line, column = self._position()[1:3]
        error = ExpatError(f"{message or TEXTS[code]}: line {line}, column {column}")
        error.code, error.lineno, error.offset = code, line, column
        return error

    def _fail(self, code, at=None):
        if at is not None:
            self._here = at
        raise self._error(code)

    # Input.

    def Parse(self, data, isfinal=False, /):
        if isinstance(data, str):
            data = data.encode()
            if self._state == "start" and not self._pending:
                self._encoding = self._declared = "utf-8"
        else:
            data = bytes(memoryview(data))
        if self.ErrorCode:
            raise self._error(self.ErrorCode)
        if self._final:
            raise self._error(CODES.FINISHED)
        if self._busy:
            raise RuntimeError("a handler must not call the parser that called it")
        if self._over:
            return 1
        self._pending.append(data)
        self._waiting += len(data)
        # What there was so far was not a whole token: wait until there is twice as much, or the work on a long token
        # that arrives in small pieces would grow with its square.
        if not isfinal and self._deferral and self._waiting < self._enough:
            return 1
        self._busy = True
        try:
            self._run(bool(isfinal))
            self._flush()
        except BaseException:
            if not self.ErrorCode:  # a handler raised: nothing is reported any more
                self._over = True
                self._pieces.clear()
                for name in (*_HANDLERS, "CharacterDataHandler", "DefaultHandler"):
                    setattr(self, name, None)
            raise
        finally:
            self._busy = False
        return 1

    def ParseFile(self, file, /):
        read = getattr(file, "read", None)
        if read is None:
            raise TypeError("argument must have 'read' attribute")
        while True:
            data = read(65536)
            if not isinstance(data, (bytes, bytearray)):
                raise TypeError(f"read() did not return a bytes object (type={type(data).__name__})")
            self.Parse(data, not data)
            if not data:
                return 1

    def _run(self, final):
        raw = self._left + b"".join(self._pending)
        self._pending.clear()
        self._dtd.fed += self._waiting
        self._waiting = 0
        if self._decoder is None and not self._choose_decoder(raw, final):
            self._left, self._enough = raw, len(raw)
            return
        if not self._wrong:
            new, taken, self._wrong = self._decoder(raw)
            self._left = raw[taken:]
            found = FORBIDDEN(new)
            if found:
                new, self._wrong = new[: found.start()], True
            self._returns = self._returns or "\r" in new
            self._text, self._here = self._text[self._at :] + new, 0
            self._at = 0
            self._mark = self._near = (0, *self._mark[1:])
        at_end = final and not self._wrong
        while True:
            before, self._here = self._state, self._at
            (self._content if before == "content" else self._outside)(at_end)
            if self._state == before:
                break
        self._here = self._at
        if self._wrong:
            self._fail(CODES.INVALID_TOKEN, len(self._text))
        if final:
            self._end()
            self._final = True
        self._mark = self._position()
        self._enough = 0 if self._at else len(self._text)

    def _end(self):
        """Nothing follows: what is open now stays open."""
        if self._left:
            wide = self._encoding.startswith("utf-16") and len(self._left) == 1
            self._fail(CODES.UNCLOSED_TOKEN if wide else CODES.PARTIAL_CHAR)
        if self._cdata:
            self._fail(CODES.UNCLOSED_CDATA_SECTION)
        if self._at < len(self._text):
            self._fail(CODES.UNCLOSED_TOKEN)
        if self._root and self._state != "epilog":
            self._fail(CODES.NO_ELEMENTS)
        if not self._root and len(self._stack) > 1:
            self._fail(CODES.ASYNC_ENTITY)

    def _choose_decoder(self, raw, final):
        """Finds the encoding in the first bytes; false if there are too few to tell."""
        name = self._declared and self._declared.lower()
        wide = raw[:2] in (b"\xfe\xff", b"\xff\xfe") or len(raw) > 1 and 0 in raw[:2]
        if (len(raw) < 2 or raw == b"\xef\xbb") and not final:
            return False
        if name and name not in _DECODERS and name != "utf-16":
            self._take_table(self._declared)
            if isinstance(self._refused, int):
                self._fail(self._refused)
        elif wide or name == "utf-16":
            self._encoding = "utf-16le" if raw[:1] not in (b"\xfe", b"\0") and wide else "utf-16be"
        else:
            self._encoding = "utf-8" if raw[:3] == b"\xef\xbb\xbf" or not name else name
        if not name:
            begun = _DECODERS[self._encoding if wide else "iso-8859-1"](raw)[0].lstrip("\ufeff\xef\xbb\xbf")
            if not final and ("<?xml ".startswith(begun) or re.match(f"<\\?xml{SPACE}", begun) and "?>" not in begun):
                return False
            found = re.match(f"<\\?xml{SPACE}[^>]*?{SPACE}encoding{SPACE}*={SPACE}*[\"']([A-Za-z][A-Za-z0-9._-]*)", begun)
            if found:
                self._switch(found[1], wide)
        self._decoder = self._decoder or _DECODERS[self._encoding]
        self._state = "prolog" if self._root else "subset" if self._doctype else "content"
        return True

    def _switch(self, name, wide):
        """Takes the encoding that the document declares. What is wrong with it is raised after the declaration."""
        lower = name.lower()
        if wide or lower.startswith("utf-16") and lower in (*_DECODERS, "utf-16"):
            if not wide or lower not in ("utf-16", self._encoding):
                self._refused = CODES.INCORRECT_ENCODING
        elif lower in _DECODERS:
            self._encoding = lower
        else:
            try:
                self._take_table(name)
            except Exception as error:
                self._refused = error

    def _take_table(self, name):
        self._decoder = _table_decoder(name)
        if self._decoder is None:
            self._refused = CODES.UNKNOWN_ENCODING
        else:
            self._encoding = name.lower()

    def ExternalEntityParserCreate(self, context, encoding=None, /):
        """A parser for the text of an external entity, which the program has to bring."""
        child = xmlparser(encoding, self._separator, self.intern)
        for name in (*_HANDLERS, *"""_characters _default _expanding _buffering _size _ordered _specified _triplets
                     _base _deferral _parameters _dtd""".split()):
            setattr(child, name, getattr(self, name))
        child._choose_gather()
        child._root, child._bindings = False, dict(self._bindings)
        child._stack.append(_BOTTOM)
        child._doctype = context is None
        return child

    # What is reported.

    def _flush(self):
        """Gives the buffered text to its handler, in the portions that fit the buffer."""
        pieces = self._pieces
        if not pieces:
            return
        text = "".join(pieces)
        if len(text) <= self._size and self._characters:
            pieces.clear()
            self._characters(text)
            return
        whole = pieces[:]
        pieces.clear()
        width = len(text) if self._encoding == "utf-8" else 1024
        portion, used = [], 0
        for piece in whole:
            for at in range(0, len(piece), width):
                part = piece[at : at + width]
                if used + len(part) > self._size and portion and self._characters:
                    self._characters("".join(portion))
                    portion, used = [], 0
                portion.append(part)
                used += len(part)
        if self._characters:
            self._characters("".join(portion))

    def _call(self, handler, *arguments):
        if self._pieces:
            self._flush()
        return handler(*arguments)

    def _report(self, raw):
        """Gives what has no handler of its own to the default handler."""
        if self._default and raw:
            self._call(self._default, raw)

    def _tell(self, handler, raw, *arguments):
        """Calls a handler; without one, what was read goes to the default handler."""
        if handler:
            self._call(handler, *arguments)
        else:
            self._report(raw)

    def _data(self, text, at=None):
        """Reports text: lines and their ends apart, unless it is buffered."""
        if self._characters is None:
            self._report(text)
        elif self._buffering:
            self._pieces.append(_single_lines(text) if self._returns else text)
        else:
            for piece in LINES(text):
                if at is not None:
                    self._here = at
                    at += len(piece)
                if self._characters:
                    self._call(self._characters, "\n" if piece[0] in "\r\n" else piece)

    def _char(self, char, raw):
        """Reports what a reference to one character stands for."""
        if self._characters is None:
            self._report(raw)
        elif self._buffering:
            self._pieces.append(char)
        else:
            self._characters(char)

    # The content of elements.

    def _content(self, final):
        text, at = self._text, self._at
        frames, stack, pieces, scan = self._frames, self._stack, self._pieces, self._grammar.content
        names, returns, attlists = self._names, self._returns, self._dtd.attlists
        while True:
            if self._cdata:
                at = self._section(text, at)
                if self._cdata:
                    if frames:
                        self._fail(CODES.UNCLOSED_CDATA_SECTION)
                    break
            here = None
            for here in iter(scan(text, at).match, None):
                data, name, attributes, empty, close, ref = here.groups()
                if data:
                    if gather := self._gather:
                        gather(_single_lines(data) if returns else data)
                    else:
                        self._data(data, here.start())
                self._here = here
                if name:
                    declared = None
                    if attributes or attlists:
                        attributes, declared = self._attributes(name, attributes, here)
                        names = self._names
                    else:
                        attributes = [] if self._ordered else {}
                    if name in names:
                        known = names[name]
                    else:
                        known = names[name] = self._known(name, True)
                    if started := self.StartElementHandler:
                        if pieces:
                            self._flush()
                        started(known, attributes)
                    elif self._default and not (empty and self.EndElementHandler):
                        self._report(here.group()[len(data) :])
                    if not empty:
                        stack.append((name, known, declared))
                        continue
                    if started:
                        self._here = here.end()
                elif close:
                    name, known, declared = stack.pop()
                    if name != close:
                        if name is None:
                            self._fail(CODES.ASYNC_ENTITY)
                        self._fail(CODES.TAG_MISMATCH, here.start(5))
                else:
                    char = PREDEFINED.get(ref) or ref[0] == "#" and self._number(ref, here)
                    if char:
                        if gather := self._gather:
                            gather(char)
                        else:
                            self._char(char, f"&{ref};")
                        continue
                    entity = self._entity(ref, here)
                    if entity is None:
                        continue
                    if not any(char in entity.text for char in "<&]"):
                        self._data(entity.text)
                        continue
                    frames.append((entity, text, here.end(), here.end(1)))
                    stack.append(_BOTTOM)
                    entity.open = True
                    text, at = entity.text, 0
                    break
                # An element ended, in a tag of its own or in the one that began it.
                if ended := self.EndElementHandler:
                    if pieces:
                        self._flush()
                    ended(known)
                elif close and self._default:
                    self._report(here.group()[len(data) :])
                if declared:
                    self._leave(declared)
                    names = self._names
                if not stack:
                    self._at, self._state = here.end(), "epilog"
                    return
            else:
                if here:
                    at = here.end()
                if at < len(text):
                    moved = self._step(text, at, final or bool(frames))
                    if moved is not None:
                        at = moved
                        continue
                    if frames:
                        self._fail(CODES.UNCLOSED_TOKEN)
                    break
                if not frames:
                    break
                if stack.pop() is not _BOTTOM:
                    self._fail(CODES.ASYNC_ENTITY)
                entity, text, at, _reference = frames.pop()
                entity.open = False
        self._at, self._fresh = at, self._fresh and not at

    def _step(self, text, at, final):
        """Takes what the expression for content does not: returns where it ends, or None if more is needed."""
        self._here = at
        if text[at] not in "<&":
            found = TEXT(text, at)
            stop = end = found.end() if found else at
            if end == len(text) and not final:
                stop -= _held(text, at)
            elif end < len(text) and text[end] == "]":
                stop = max(at, text.rfind("\n", at, end) + 1, text.rfind("\r", at, end) + 1)
                self._data(text[at:stop], at)
                self._fail(CODES.INVALID_TOKEN, end + 2)
            if stop == at:
                return None
            self._data(text[at:stop], at)
            return stop
        if text.startswith("<!--", at):
            return self._comment(text, at)
        if text.startswith("<?", at):
            return self._instruction(text, at)
        if text.startswith("<![CDATA[", at):
            self._cdata = True
            self._tell(self.StartCdataSectionHandler, "<![CDATA[")
            return at + 9
        end = self._grammar.begun.match(text, at).end()
        if end < len(text):
            self._fail(CODES.INVALID_TOKEN, end)
        return None

    def _section(self, text, at):
        end = text.find("]]>", at)
        stop = end if end >= 0 else len(text) - _held(text, at)
        self._here = at
        if stop > at:
            self._data(text[at:stop], at)
        if end < 0:
            return stop
        self._cdata, self._here = False, end
        self._tell(self.EndCdataSectionHandler, "]]>")
        return end + 3

    def _comment(self, text, at):
        end = text.find("--", at + 4)
        if end < 0 or end + 2 == len(text):
            return None
        if text[end + 2] != ">":
            self._fail(CODES.INVALID_TOKEN, end + 2)
        self._here = at
        self._tell(self.CommentHandler, text[at : end + 3], _single_lines(text[at + 4 : end]))
        return end + 3

    def _instruction(self, text, at):
        begun = self._grammar.target.match(text, at)
        target, mark = begun.groups()
        if mark is None or mark == "?":
            if begun.end() < len(text):
                self._fail(CODES.INVALID_TOKEN, begun.end())
            return None
        if target != "xml" and target.lower() == "xml":
            self._fail(CODES.INVALID_TOKEN, begun.end(1))
        end = text.find("?>", begun.end(1))
        if end < 0:
            return None
        self._here = at
        if target == "xml":
            if not self._fresh or self._frames or text[:at].strip("\ufeff"):
                junk = self._state == "epilog"
                self._fail(CODES.JUNK_AFTER_DOC_ELEMENT if junk else CODES.MISPLACED_XML_PI)
            version, encoding, standalone = self._declaration(text, begun.end(1), end)
            self._tell(self.XmlDeclHandler, text[at : end + 2], version, encoding, standalone)
            if isinstance(self._refused, int):
                self._fail(self._refused)
            if self._refused:
                raise self._refused
        else:
            data = _single_lines(text[begun.end(1) : end].lstrip(" \t\r\n"))
            self._tell(self.ProcessingInstructionHandler, text[at : end + 2], target, data)
        return end + 2

    def _declaration(self, text, at, end):
        """The XML declaration: three settings of which the last two may be absent."""
        found, wrong = {}, CODES.XML_DECL if self._root else CODES.TEXT_DECL
        wanted = ["version", "encoding", "standalone"] if self._root else ["version", "encoding"]
        while at < end:
            setting = SETTING(text, at, end)
            space, name, equals, quote, value = setting.groups()
            if not space:
                self._fail(wrong, at)
            if setting.end() == setting.end(1) == end:
                break
            if not name or "=" not in equals or not quote:
                self._fail(wrong, setting.end(3) if name else setting.end(1))
            at = setting.end() + 1
            if text[at - 1] != quote:
                self._fail(wrong, at - 1)
            while wanted and wanted[0] != name and (found or not self._root):
                wanted.pop(0)
            if not wanted or wanted.pop(0) != name:
                self._fail(wrong, setting.start(2))
            if not ALLOWED[name](value):
                self._fail(wrong, setting.start(5))
            found[name] = value
            if name == "encoding":
                self._here = setting.start(5)
        if ("version" if self._root else "encoding") not in found:
            self._fail(wrong, at)
        standalone = {"yes": 1, "no": 0}.get(found.get("standalone"), -1)
        self._dtd.standalone = standalone == 1
        return found.get("version"), found.get("encoding"), standalone


_HANDLERS = [name for name in xmlparser.__slots__ if name.endswith("Handler")]
_NEW = {}


def ParserCreate(encoding=None, namespace_separator=None, intern=_NEW):
    """Return a new XML parser object."""
    for name, value in (("encoding", encoding), ("namespace_separator", namespace_separator)):
        if value is not None and not isinstance(value, str):
            kind = type(value).__name__
            raise TypeError(f"ParserCreate() argument '{name}' must be str or None, not {kind}")
    if namespace_separator and len(namespace_separator) > 1:
        raise ValueError("namespace_separator must be at most one character, omitted, or None")
    if intern is not None and not isinstance(intern, dict):
        raise TypeError("intern must be a dictionary")
    return xmlparser(encoding, namespace_separator, {} if intern is _NEW else intern)


def ErrorString(code, /):
    """Returns string error for given number."""
    return TEXTS.get(code)


def _module(name, doc, names):
    module = types.ModuleType(name, doc)
    vars(module).update(names)
    return module


xmlparser.__module__ = ParserCreate.__module__ = ErrorString.__module__ = "pyexpat"
sys.modules["pyexpat"] = _module(
    "pyexpat",
    "Python wrapper for Expat parser.",
    {
        "EXPAT_VERSION": "expat_2.7.1",
        "version_info": (2, 7, 1),
        "features": [("sizeof(XML_Char)", 1), ("XML_DTD", 0), ("XML_NS", 0), ("XML_GE", 0)],
        "native_encoding": "UTF-8",
        "ParserCreate": ParserCreate,
        "ErrorString": ErrorString,
        "XMLParserType": xmlparser,
        "ExpatError": ExpatError,
        "error": ExpatError,
        "XML_PARAM_ENTITY_PARSING_NEVER": 0,
        "XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE": 1,
        "XML_PARAM_ENTITY_PARSING_ALWAYS": 2,
        "errors": _module(
            "pyexpat.errors",
            "Constants used to describe error conditions.",
            {f"XML_ERROR_{name}": TEXTS[code] for name, code in vars(CODES).items()}
            | {"codes": {text: code for code, text in TEXTS.items()}, "messages": TEXTS},
        ),
        "model": _module(
            "pyexpat.model",
            "Constants used to interpret content model information.",
            {f"XML_CTYPE_{name}": at for at, name in enumerate("EMPTY ANY MIXED NAME CHOICE SEQ".split(), 1)}
            | {f"XML_CQUANT_{name}": at for at, name in enumerate("NONE OPT REP PLUS".split())},
        ),
    },
)

# Without the interpreter's own, ElementTree takes the one that is written in Python: that one reports an entity that
# it cannot read, where the other leaves it out, and knows `flush` and `doctype`.
del _elementtree.XMLParser
