"""What XML documents are made of, as regular expressions, and what may be wrong with them.

`names.py`, `declarations.py` and `expat.py` read by it. Repeats are possessive, so that no document makes an expression go back.
"""

import re
import types

_ERRORS = """NO_MEMORY out of memory
SYNTAX syntax error
NO_ELEMENTS no element found
INVALID_TOKEN not well-formed (invalid token)
UNCLOSED_TOKEN unclosed token
PARTIAL_CHAR partial character
TAG_MISMATCH mismatched tag
DUPLICATE_ATTRIBUTE duplicate attribute
JUNK_AFTER_DOC_ELEMENT junk after document element
PARAM_ENTITY_REF illegal parameter entity reference
UNDEFINED_ENTITY undefined entity
RECURSIVE_ENTITY_REF recursive entity reference
ASYNC_ENTITY asynchronous entity
BAD_CHAR_REF reference to invalid character number
BINARY_ENTITY_REF reference to binary entity
ATTRIBUTE_EXTERNAL_ENTITY_REF reference to external entity in attribute
MISPLACED_XML_PI XML or text declaration not at start of entity
UNKNOWN_ENCODING unknown encoding
INCORRECT_ENCODING encoding specified in XML declaration is incorrect
UNCLOSED_CDATA_SECTION unclosed CDATA section
EXTERNAL_ENTITY_HANDLING error in processing external entity reference
NOT_STANDALONE document is not standalone
UNEXPECTED_STATE unexpected parser state - please send a bug report
ENTITY_DECLARED_IN_PE entity declared in parameter entity
FEATURE_REQUIRES_XML_DTD requested feature requires XML_DTD support in Expat
CANT_CHANGE_FEATURE_ONCE_PARSING cannot change setting once parsing has begun
UNBOUND_PREFIX unbound prefix
UNDECLARING_PREFIX must not undeclare prefix
INCOMPLETE_PE incomplete markup in parameter entity
XML_DECL XML declaration not well-formed
TEXT_DECL text declaration not well-formed
PUBLICID illegal character(s) in public id
SUSPENDED parser suspended
NOT_SUSPENDED parser not suspended
ABORTED parsing aborted
FINISHED parsing finished
SUSPEND_PE cannot suspend in external parameter entity
RESERVED_PREFIX_XML reserved prefix (xml) must not be undeclared or bound to another namespace name
RESERVED_PREFIX_XMLNS reserved prefix (xmlns) must not be declared or undeclared
RESERVED_NAMESPACE_URI prefix must not be bound to one of the reserved namespace names
INVALID_ARGUMENT invalid argument
NO_BUFFER a successful prior call to function XML_GetBuffer is required
AMPLIFICATION_LIMIT_BREACH limit on input amplification factor (from DTD and entities) breached
NOT_STARTED parser not started"""
_ERRORS = [line.split(" ", 1) for line in _ERRORS.split("\n")]
TEXTS = {code: text for code, (_name, text) in enumerate(_ERRORS, 1)}
CODES = types.SimpleNamespace(**{name: code for code, (name, _text) in enumerate(_ERRORS, 1)})

SPACE = "[ \t\r\n]"
_LETTERS = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
)
_MORE = "\\-.0-9\xb7\u0300-\u036f\u203f\u2040"


class Grammar:
    """The expressions that depend on whether a colon is a letter, as it is without namespaces."""

    def __init__(self, namespaces):
        letter = _LETTERS if namespaces else ":" + _LETTERS
        name = f"[{letter}][{letter}{_MORE}]*+"
        qname = f"{name}(?::{name})?+" if namespaces else name
        begun = f"{name}(?::(?:{name})?+)?+" if namespaces else name
        ref = f"&(?:#[0-9]++|#x[0-9a-fA-F]++|{name});"
        word = "[A-Z_a-z]" if namespaces else "[A-Z_a-z:]"
        begun_ref = f"&(?:#(?:x[0-9a-fA-F]*+|[0-9]++)?+|{name})?+"
        double, single = (f"[^<&{quote}]*+(?:{ref}[^<&{quote}]*+)*+" for quote in "\"'")
        attribute = f"{SPACE}++{qname}{SPACE}*+={SPACE}*+(?:\"{double}\"|'{single}')"
        whole = "(?<!:)" if namespaces else ""
        # Where one of these stops is where a tag or reference stops being one.
        self.begun = re.compile(
            f"<(?:/(?:(?:[{letter}][{letter}:{_MORE}]*+{SPACE}*+)?+)?+"
            f"|!(?:-|\\[(?:C(?:D(?:A(?:T(?:A\\[?)?)?)?)?)?)?"
            f"|{begun}{whole}(?:{attribute})*+(?:{SPACE}++(?:/|{begun}(?:{whole}{SPACE}*+(?:={SPACE}*+"
            f"(?:\"{double}(?:{begun_ref})?+|'{single}(?:{begun_ref})?+)?+)?+)?+)?+|/)?+"
            f"|{begun})?+|{begun_ref}"
        )
        self.content = re.compile(
            f"([^<&\\]]*+)(?:<({qname})((?:{attribute})*+){SPACE}*+(/?)>"
            f"|</([{letter}][{letter}:{_MORE}]*+){SPACE}*+>|&(#[0-9]++|#x[0-9a-fA-F]++|{name});)"
        ).scanner
        self.attribute = re.compile(f"({qname}){SPACE}*+={SPACE}*+(?:\"([^\"]*+)\"|'([^']*+)')")
        self.value = re.compile(f"([^<&\t\r\n]++)|(\r\n|{SPACE})|&(#[0-9]++|#x[0-9a-fA-F]++|{name});")
        self.entity = re.compile(f"[^&%\r]++|\r\n?|{ref}|%{name};")
        self.target = re.compile(f"<\\?(?:({name})(\\?>|{SPACE}|\\?)?+)?+")
        after = f"(?=[>),|\\[%]|{SPACE}|\\Z)"
        self.prolog = re.compile(
            f"(?P<S>{SPACE}++)|<!(?P<DECL>{word}++)(?={SPACE}|%(?!%|{SPACE}|\\Z))|<(?=(?P<START>[{letter}]))|<!\\["
            f"|(?P<LITERAL>\"[^\"]*+\"|'[^']*+')(?=[>%\\[]|{SPACE}|\\Z)|%(?P<PE>{name});|%(?=%|{SPACE})"
            f"|\\#{name}(?=[)>%|]|{SPACE}|\\Z)|(?P<REPEATED>{qname}[?*+])|(?P<NAME>{qname}){after}"
            f"|(?P<NMTOKEN>[:{letter}{_MORE}]++){after}|\\)[*?+]|\\)(?=[>,|)]|{SPACE}|\\Z)|\\]\\]>|[,|>\\[\\](]"
        ).match
        self.begun_prolog = re.compile(
            f"<(?:!(?:-|{word}++(?:%\\Z)?+)?+)?+|\"[^\"]*+\"?+|'[^']*+'?+|[%#](?:{name})?+|[:{letter}{_MORE}]++|\\)"
        ).match


GRAMMARS = {False: Grammar(False), True: Grammar(True)}
TEXT = re.compile("(?:[^<&\\]]++|\\](?!\\]>))++").match
SPECIAL = re.compile("[&\t\r\n]").search
LINES = re.compile("[^\r\n]++|\r\n?|\n").findall
FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]").search
SETTING = re.compile(f"({SPACE}*+)([!-<>-~]*+)({SPACE}*+=?+{SPACE}*+)([\"']?+)([a-zA-Z0-9._-]*+)").match
ALLOWED = {
    "version": re.compile("1\\.[0-9]+").fullmatch,
    "encoding": re.compile("[a-zA-Z].*").fullmatch,
    "standalone": {"yes": 1, "no": 1}.get,
}
PREDEFINED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
XML = "http://www.w3.org/XML/1998/namespace"
XMLNS = "http://www.w3.org/2000/xmlns/"
URI = re.compile("[-a-zA-Z0-9._~:/?#\\[\\]@!$&'()*+,;=%]").match
