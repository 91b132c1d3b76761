"""The prolog and epilog of an XML document: its type, the declarations in it, and what they said.

`expat.py` takes it into its parser, which has the attributes that are used here. It must never load anything: an
external entity is offered to the program's handler, or skipped.
"""

import re

from _sandgate_grammar import CODES, PREDEFINED

# What follows what outside the document element: in a state, a token and the state after it. `!` completes a
# declaration. Space, comments and processing instructions, which may stand almost anywhere, are not in the table.
_TABLE = {}
for _line in """prolog <!DOCTYPE doctype
doctype ?NAME doctype1
doctype1 [ subset > misc SYSTEM doctype3 PUBLIC doctype2
doctype2 ?LITERAL doctype3
doctype3 ?LITERAL doctype4
doctype4 [ subset > misc
doctype5 > misc
subset <!ENTITY entity <!ATTLIST attlist <!ELEMENT element <!NOTATION notation ] doctype5
entity % entity1 ?PLAIN entity2
entity1 ?PLAIN entity7
entity2 SYSTEM entity4 PUBLIC entity3 ?LITERAL end!
entity3 ?LITERAL entity4
entity4 ?LITERAL entity5
entity5 > subset! NDATA entity6
entity6 ?PLAIN end!
entity7 SYSTEM entity9 PUBLIC entity8 ?LITERAL end!
entity8 ?LITERAL entity9
entity9 ?LITERAL entity10
entity10 > subset!
notation ?PLAIN notation1
notation1 SYSTEM notation3 PUBLIC notation2
notation2 ?LITERAL notation4
notation3 ?LITERAL end!
notation4 ?LITERAL end! > subset!
attlist ?NAME attlist1
attlist1 > subset ?NAME attlist2
attlist2 ( attlist3 NOTATION attlist5 CDATA attlist8 ID attlist8 IDREF attlist8 IDREFS attlist8 ENTITY attlist8 \
ENTITIES attlist8 NMTOKEN attlist8 NMTOKENS attlist8
attlist3 ?NAME attlist4 ?NMTOKEN attlist4
attlist4 | attlist3 ) attlist8
attlist5 ( attlist6
attlist6 ?PLAIN attlist7
attlist7 | attlist6 ) attlist8
attlist8 #IMPLIED attlist1! #REQUIRED attlist1! #FIXED attlist9 ?LITERAL attlist1!
attlist9 ?LITERAL attlist1!
element ?NAME element1
element1 EMPTY end! ANY end! ( element2
element2 #PCDATA element3 ( element6 ?NAME element7 ?REPEATED element7
element3 ) end! )* end! | element4
element4 ?NAME element5
element5 )* end! | element4
element6 ( element6 ?NAME element7 ?REPEATED element7
element7 , element6 | element6 ) element7 )* element7 )? element7 )+ element7
end > subset
misc
epilog""".split("\n"):
    _state, *_pairs = _line.split()
    _TABLE[_state] = dict(zip(_pairs[::2], _pairs[1::2]))
_PUBLIC = {"doctype2", "entity3", "entity8", "notation2"}
_WHOSE = {  # which handlers keep the tokens of a declaration from the default handler
    "<!DOCTYPE": ("StartDoctypeDeclHandler",),
    "<!ENTITY": ("EntityDeclHandler", "UnparsedEntityDeclHandler"),
    "<!ATTLIST": ("AttlistDeclHandler",),
    "<!ELEMENT": ("ElementDeclHandler",),
    "<!NOTATION": ("NotationDeclHandler",),
}
_NOT_PUBLIC = re.compile("[^-'()+,./:=?;!*#@$_%a-zA-Z0-9 \r\n]").search


class Entity:
    __slots__ = ("name", "text", "system", "public", "notation", "base", "open")


class Dtd:
    """What the declarations said; a parser shares it with those of its external entities."""

    def __init__(self):
        self.general, self.parameter, self.attlists = {}, {}, {}
        self.standalone = self.references = self.read = False
        self.keep = True  # whether declarations still count: not after some that nobody read
        self.fed = self.expanded = 0
        self.threshold, self.factor = 8 << 20, 100.0


class Declarations:
    """What a parser does outside the document element."""

    __slots__ = ()

    def _outside(self, final):
        """Prolog, declarations and epilog: one token after another, by the table."""
        text, at, grammar = self._text, self._at, self._grammar
        if at == 0 and text[:1] == "\ufeff" and self._fresh:
            at = 1
        while True:
            self._at = at if not self._frames else self._at
            if at == len(text):
                if not self._frames:
                    return
                if self._state != "subset":
                    self._fail(CODES.INCOMPLETE_PE)
                entity, text, at, _reference = self._frames.pop()
                entity.open = False
                continue
            self._here = at
            end = None
            if text.startswith("<!--", at):
                end = self._comment(text, at)
            elif text.startswith("<?", at):
                end = self._instruction(text, at)
            else:
                found = grammar.prolog(text, at)
                if found is None:
                    end = grammar.begun_prolog(text, at)
                    end = end.end() if end else at
                    if end < len(text):
                        self._fail(CODES.INVALID_TOKEN, end)
                    end = None
                # Most tokens at the end may go on; in the epilog any is wrong.
                elif final or self._frames or self._ended(found, text):
                    end = found.end()
                    if found.lastgroup == "S":
                        self._default_token(found[0])
                    else:
                        if self._token(found[0], found.lastgroup, at):
                            return
                        if found.lastgroup == "PE":
                            inner = self._parameter(found["PE"])
                            if inner is not None:
                                self._frames.append((inner, text, end, at))
                                inner.open = True
                                text, end = inner.text, 0
            if end is None:
                if self._frames:
                    self._fail(CODES.UNCLOSED_TOKEN)
                return
            at, self._fresh = end, False

    def _ended(self, found, text):
        return found.end() < len(text) or found[0][-1] in ">[(,|;*?+" or self._state == "epilog"

    def _token(self, raw, kind, at):
        """Takes a token of the prolog or epilog; true if the document element begins with it."""
        state, words = self._state, self._words
        if kind == "START" and state in ("prolog", "misc"):
            if self._foreign and state == "prolog":
                self._external(None, None)
            self._state = "content"
            return True
        if kind == "PE" and state == "subset":
            return False
        row = _TABLE[state]
        following = row.get(raw) or row.get(f"?{kind}")
        if kind == "NAME" and (":" not in raw or self._separator is None):
            following = following or row.get("?PLAIN")
        if following is None:
            junk = CODES.JUNK_AFTER_DOC_ELEMENT if state == "epilog" else CODES.SYNTAX
            self._fail(CODES.PARAM_ENTITY_REF if kind == "PE" else junk)
        if raw == "]":
            if self._frames:
                self._fail(CODES.INCOMPLETE_PE)
            words.append("<!DOCTYPE")
        words.append(raw)
        if state in _PUBLIC:
            wrong = _NOT_PUBLIC(raw, 1, len(raw) - 1)
            if wrong:
                self._fail(CODES.PUBLICID, at + wrong.start())
            words[-1] = f"'{' '.join(raw[1:-1].split())}'"
        elif state.startswith("element"):
            following = self._grouped(raw, following)
        self._state = following.rstrip("!")
        if words[0] == "<!DOCTYPE":
            self._document_type(state, words, at)
        elif following[-1] == "!" and self._dtd.keep:
            _DECLARATIONS[words[0]](self, words, at)
        self._default_token(raw)
        if self._state in ("subset", "misc"):
            words.clear()
        elif following == "attlist1!":
            del words[2:]
        return False

    def _default_token(self, raw):
        owners = _WHOSE.get(self._words[0], ()) if self._words else ()
        counts = self._dtd.keep or owners == _WHOSE["<!DOCTYPE"]
        if self._default and not (counts and any(getattr(self, owner) for owner in owners)):
            self._report(raw)

    def _document_type(self, state, words, at):
        if state in ("doctype1", "doctype4") and self._state in ("subset", "misc"):
            if self.StartDoctypeDeclHandler:
                system, public = self._identifiers(words[2:])
                self._call(self.StartDoctypeDeclHandler, words[1], system, public, int(self._state == "subset"))
        elif state == "doctype3":
            dtd = self._dtd
            dtd.references, self._doctype = True, self._identifiers(words[2:])
            if not dtd.standalone and not self._parameters:
                self._not_standalone()
        if self._state == "misc":
            if self._doctype or self._foreign:
                self._external(*(self._doctype or (None, None)))
            if self.EndDoctypeDeclHandler:
                self._call(self.EndDoctypeDeclHandler)

    def _identifiers(self, words):
        if not words or words[0] not in ("SYSTEM", "PUBLIC"):
            return None, None
        texts = [word[1:-1] for word in words[1:] if word[0] in "\"'"]
        return (texts[0], None) if words[0] == "SYSTEM" else (texts[1] if len(texts) > 1 else None, texts[0])

    def _not_standalone(self):
        if self.NotStandaloneHandler and not self._ask(self.NotStandaloneHandler):
            self._fail(CODES.NOT_STANDALONE)

    def _external(self, system, public, entity=None):
        """Offers the external subset or an external parameter entity to the program."""
        dtd = self._dtd
        before, dtd.references = dtd.references, True
        if self._parameters and self.ExternalEntityRefHandler:
            dtd.read = False
            base = entity.base if entity else self._base
            if not self._ask(self.ExternalEntityRefHandler, None, base, system, public):
                self._fail(CODES.EXTERNAL_ENTITY_HANDLING)
            if dtd.read:
                if not dtd.standalone:
                    self._not_standalone()
                return
        if entity:
            dtd.keep = dtd.standalone
        elif system is None:
            dtd.references = before

    def _parameter(self, name):
        """A reference to a parameter entity between declarations: returns the entity if its text is at hand."""
        dtd = self._dtd
        dtd.references = True
        entity = dtd.parameter.get(name)
        if not self._parameters:
            dtd.keep = dtd.standalone
            self._report(f"%{name};")
        elif entity is None:
            dtd.keep = dtd.standalone
            self._tell(self.SkippedEntityHandler, f"%{name};", name, 1)
            return None
        elif entity.open:
            self._fail(CODES.RECURSIVE_ENTITY_REF)
        elif entity.text is not None:
            self._expand(entity)
            return entity
        else:
            return self._external(entity.system, entity.public, entity)
        if not dtd.standalone:
            self._not_standalone()
        return None

    def _declare_entity(self, words, at):
        parameter = words[1] == "%"
        name, *words = words[2 if parameter else 1 :]
        entity = Entity()
        entity.name, entity.open, entity.base = name, False, self._base
        entity.text = entity.notation = None
        entity.system, entity.public = self._identifiers(words)
        if entity.system is None:
            entity.text = self._entity_value(words[0][1:-1], at + 1)
        elif "NDATA" in words:
            entity.notation = words[-1]
        entities = self._dtd.parameter if parameter else self._dtd.general
        if name in entities or (name in PREDEFINED and not parameter):
            return
        entities[name] = entity
        if entity.notation and self.UnparsedEntityDeclHandler:
            self._call(
                self.UnparsedEntityDeclHandler, name, entity.base, entity.system, entity.public, entity.notation
            )
        elif self.EntityDeclHandler:
            self._call(
                *(self.EntityDeclHandler, name, int(parameter), entity.text),
                *(entity.base, entity.system, entity.public, entity.notation),
            )

    def _entity_value(self, raw, start):
        """The text of an entity: characters by number are replaced now, references when it is used."""
        out, point = [], 0
        for found in iter(self._grammar.entity.scanner(raw).match, None):
            part, point = found[0], found.end()
            if part[0] == "%":
                self._fail(CODES.PARAM_ENTITY_REF, start + found.start())
            if part[:2] == "&#":
                part = self._number(part[1:-1], start + found.start())
            elif part[0] == "\r":
                part = "\n"
            out.append(part)
        if point < len(raw):
            self._fail(CODES.INVALID_TOKEN, start + self._broken(raw, point))
        return "".join(out)

    def _broken(self, text, at):
        """Where what should be a reference stops being one."""
        begun = self._grammar.begun.match(text, at)
        return begun.end() if begun and text[at] == "&" and begun.end() < len(text) else at

    def _declare_attribute(self, words, at):
        _declaration, element, name, *kind, last = words
        default = None
        if last[0] != "#":
            tokens = kind[0] != "CDATA"
            default = self._value(last[1:-1], at + 1)
            if tokens:
                default = " ".join(filter(None, default.split(" ")))
        required = last == "#REQUIRED" or kind[-1] == "#FIXED"
        if kind[-1] == "#FIXED":
            kind.pop()
        self._dtd.attlists.setdefault(element, {}).setdefault(name, (kind[0] != "CDATA", default))
        if self.AttlistDeclHandler:
            self._call(self.AttlistDeclHandler, element, name, "".join(kind), default, int(required))

    def _declare_notation(self, words, _at):
        if self.NotationDeclHandler:
            system, public = self._identifiers(words[2:])
            self._call(self.NotationDeclHandler, words[1], self._base, system, public)

    def _grouped(self, raw, following):
        """Keeps the parentheses of a content model."""
        levels = self._levels
        if raw == "(":
            levels.append("")
        elif raw in (",", "|"):
            if levels[-1] not in ("", raw):
                self._fail(CODES.SYNTAX)
            levels[-1] = raw
        elif raw[0] == ")":
            levels.pop()
            if not levels:
                return "end!"
        return following

    def _declare_element(self, words, _at):
        if not self.ElementDeclHandler:
            return
        _declaration, name, *words = words
        counts = {"": 0, "?": 1, "*": 2, "+": 3}
        model = ({"EMPTY": 1, "ANY": 2}.get(words[0]), 0, None, ())
        groups = []
        for word in words if words[0] == "(" else ():
            if word == "(":
                groups.append([6])
                if len(groups) > 500:
                    raise RecursionError("maximum recursion depth exceeded in a content model")
            elif word in (",", "|"):
                if word == "|" and groups[-1][0] == 6:
                    groups[-1][0] = 5
            elif word == "#PCDATA":
                groups[-1][0] = 3
            elif word[0] == ")":
                kind, *children = groups.pop()
                model = (kind, counts[word[1:]], None, tuple(children))
                if groups:
                    groups[-1].append(model)
            else:
                bare = word.rstrip("?*+")
                groups[-1].append((4, counts[word[len(bare) :]], bare, ()))
        self._call(self.ElementDeclHandler, name, model)


_DECLARATIONS = {
    "<!ENTITY": Declarations._declare_entity,
    "<!ATTLIST": Declarations._declare_attribute,
    "<!ELEMENT": Declarations._declare_element,
    "<!NOTATION": Declarations._declare_notation,
}
