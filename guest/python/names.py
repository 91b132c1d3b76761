"""What the names in an XML document stand for: prefixes for namespaces, references for characters and entities; and the
attributes, which are read with both.

Run once before the snapshot; `expat.py` makes its parser of this and of `declarations.py`. It must never read more of an
entity than the parser's limit on what entities add allows, nor load one: that is offered to the program's handler.
"""

from _sandgate_grammar import CODES, PREDEFINED, SPECIAL, URI, XML, XMLNS


class Names:
    """What a parser knows of names."""

    __slots__ = ()

    # Attributes and their namespaces.

    def _attributes(self, name, raw, here):
        """The attributes of a tag as its handler wants them, and what to undo when its element ends."""
        names, types = self._attribute_names, self._dtd.attlists.get(name)
        declared, start = None, here.start(3)
        if types is None and not SPECIAL(raw) and "xmlns" not in raw:
            pairs = self._grammar.attribute.findall(raw)
            given, checked = {}, False
            for key, one, other in pairs:
                if key not in names:
                    checked = checked or self._duplicates(raw, start)
                    names[key] = self._known(key, False)
                given[names[key]] = one or other
            if len(given) < len(pairs):
                self._duplicates(raw, start)
                self._fail(CODES.DUPLICATE_ATTRIBUTE)
        else:
            values = {}
            for found in self._grammar.attribute.finditer(raw):
                key = found[1]
                if key in values:
                    self._fail(CODES.DUPLICATE_ATTRIBUTE, start + found.start())
                group = 2 if found[2] is not None else 3
                value = self._value(found[group], start + found.start(group))
                if types and key in types and types[key][0]:
                    value = " ".join(filter(None, value.split(" ")))
                values[key] = value
                declared = self._declare(key, value, declared)
            specified = [key for key in values if not self._declares(key)]
            for key, (_tokens, default) in (types or {}).items():
                if default is not None and key not in values:
                    values[key] = default
                    declared = self._declare(key, default, declared)
            names = self._attribute_names
            given, count = {}, 0
            for key in specified if self._specified else values:
                if not self._declares(key):
                    if key not in names:
                        names[key] = self._known(key, False)
                    given[names[key]] = values[key]
                    count += 1
            if len(given) < count:
                self._fail(CODES.DUPLICATE_ATTRIBUTE)
        if self._ordered:
            flat = []
            for pair in given.items():
                flat += pair
            return flat, declared
        return given, declared

    def _duplicates(self, raw, start):
        seen = set()
        for found in self._grammar.attribute.finditer(raw):
            if found[1] in seen:
                self._fail(CODES.DUPLICATE_ATTRIBUTE, start + found.start())
            seen.add(found[1])
        return True

    def _declares(self, key):
        return self._separator is not None and (key == "xmlns" or key.startswith("xmlns:"))

    def _declare(self, key, uri, declared):
        """Binds a prefix if that is what this attribute does."""
        if not self._declares(key):
            return declared
        prefix = key[6:]
        if prefix == "xmlns":
            self._fail(CODES.RESERVED_PREFIX_XMLNS)
        if (prefix == "xml") != (uri == XML):
            self._fail(CODES.RESERVED_PREFIX_XML if prefix == "xml" else CODES.RESERVED_NAMESPACE_URI)
        if uri == XMLNS:
            self._fail(CODES.RESERVED_NAMESPACE_URI)
        if prefix and not uri:
            self._fail(CODES.UNDECLARING_PREFIX)
        if self._separator and self._separator in uri and not URI(self._separator):
            self._fail(CODES.SYNTAX)
        if declared is None:
            declared = (self._names, self._attribute_names, [])
            self._names, self._attribute_names = {}, {}
        declared[2].append((prefix, self._bindings.get(prefix)))
        self._bindings[prefix] = uri
        if self.StartNamespaceDeclHandler:
            self._call(self.StartNamespaceDeclHandler, prefix or None, uri or None)
        return declared

    def _leave(self, declared):
        """Takes back what an element declared, last first."""
        self._names, self._attribute_names, bound = declared
        for prefix, before in reversed(bound):
            if self.EndNamespaceDeclHandler:
                self._call(self.EndNamespaceDeclHandler, prefix or None)
            if before is None:
                del self._bindings[prefix]
            else:
                self._bindings[prefix] = before

    def _known(self, raw, element):
        """The name that is reported for one that was read."""
        if self._separator is not None:
            prefix, colon, local = raw.rpartition(":")
            uri = self._bindings.get(prefix) if colon or element else None
            if uri:
                raw = uri + self._separator + local
                if colon and self._triplets and self._separator:
                    raw += self._separator + prefix
            elif colon:
                self._fail(CODES.UNBOUND_PREFIX)
        return raw if self.intern is None else self.intern.setdefault(raw, raw)

    # References.

    def _number(self, ref, here):
        digits = ref[2:].lstrip("0") if ref[1] == "x" else ref[1:].lstrip("0")
        code = int(digits or "0", 16 if ref[1] == "x" else 10) if len(digits) < 8 else 0
        if code in (9, 10, 13) or 31 < code < 0xD800 or 0xDFFF < code < 0xFFFE or 0xFFFF < code < 0x110000:
            return chr(code)
        self._fail(CODES.BAD_CHAR_REF, here)

    def _entity(self, name, here, attribute=False):
        """The entity whose text stands here; None if there is nothing to read."""
        dtd = self._dtd
        entity = dtd.general.get(name)
        if entity is None:
            if not dtd.references or dtd.standalone:
                self._fail(CODES.UNDEFINED_ENTITY, None if attribute else here)
            if not attribute:
                self._tell(self.SkippedEntityHandler, f"&{name};", name, 0)
            return None
        if entity.open:
            self._fail(CODES.RECURSIVE_ENTITY_REF, here)
        if entity.notation is not None:
            self._fail(CODES.BINARY_ENTITY_REF, here)
        if entity.text is not None:
            if not self._expanding and not attribute:
                self._tell(self.SkippedEntityHandler, f"&{name};", name, 0)
                return None
            self._expand(entity)
            return entity
        if attribute:
            self._fail(CODES.ATTRIBUTE_EXTERNAL_ENTITY_REF, here)
        if self.ExternalEntityRefHandler:
            entity.open = True
            bound = [f"{prefix}={uri}" for prefix, uri in self._bindings.items() if uri and prefix != "xml"]
            context = "\f".join(bound + [name for name, entity in dtd.general.items() if entity.open])
            entity.open = False
            if not self._ask(self.ExternalEntityRefHandler, context, entity.base, entity.system, entity.public):
                self._fail(CODES.EXTERNAL_ENTITY_HANDLING)
        else:
            self._report(f"&{name};")
        return None

    def _ask(self, handler, *arguments):
        answer = self._call(handler, *arguments)
        if not isinstance(answer, int):
            raise TypeError(f"'{type(answer).__name__}' object cannot be interpreted as an integer")
        return answer

    def _expand(self, entity):
        """Counts what entities add, so that a small document cannot become a huge one."""
        dtd = self._dtd
        dtd.expanded += len(entity.text)
        if dtd.fed + dtd.expanded >= dtd.threshold and dtd.fed + dtd.expanded > dtd.factor * dtd.fed:
            self._fail(CODES.AMPLIFICATION_LIMIT_BREACH)

    def _value(self, source, start):
        """An attribute's value: white space becomes spaces, references what they stand for."""
        out, outer, entity, point = [], [], None, 0
        while True:
            found = None
            for found in iter(self._grammar.value.scanner(source, point).match, None):
                plain, space, ref = found.groups()
                if plain:
                    out.append(plain)
                elif space:
                    out.append(" ")
                else:
                    place = None if outer else start + found.start()
                    char = PREDEFINED.get(ref) or ref[0] == "#" and self._number(ref, place)
                    if char:
                        out.append(char)
                        continue
                    inner = self._entity(ref, place, True)
                    if inner is not None:
                        outer.append((entity, source, found.end()))
                        entity, source, point = inner, inner.text, 0
                        entity.open = True
                        break
            else:
                if found is not None:
                    point = found.end()
                if point < len(source):
                    self._fail(CODES.INVALID_TOKEN, None if outer else start + self._broken(source, point))
                if not outer:
                    return "".join(out)
                entity.open = False
                entity, source, point = outer.pop()
