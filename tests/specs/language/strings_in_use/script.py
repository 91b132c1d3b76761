import string
import textwrap

s = "Hello, World"
print(s.lower(), s.upper(), s.swapcase(), s.title(), "hello world".capitalize(), s.center(20, "*"), s.ljust(14, "."), s.rjust(14), "42".zfill(5), "-42".zfill(5))
print(s.find("o"), s.rfind("o"), s.index("W"), s.count("l"), s.replace("l", "L", 2), s.startswith(("He", "x")), s.endswith("d"), s.partition(", "), "a.b.c".rpartition("."))
print("a,b,,c".split(","), " a  b ".split(), "a b c".split(None, 1), "a b c".rsplit(" ", 1), "x\ny\r\nz".splitlines(), "x\n".splitlines(True), "-".join(["a", "b"]), "abc".partition("z"))
print("  x ".strip() + "|", "xxabcxx".strip("x"), "www.example.com".lstrip("w."), "test.py".removesuffix(".py"), "pre_fix".removeprefix("pre_"), "tab\tx".expandtabs(4))
print("abc".isalpha(), "12".isdigit(), "a1".isalnum(), " ".isspace(), "Abc".istitle(), "x_1".isidentifier(), "½".isnumeric(), "²".isdigit(), "".isalpha(), "٣".isdecimal())
print(s[0], s[-1], s[1:5], s[::-1], s[::2], s[-5:], s[:-5], s[100:], "lo" in s, sorted("hello"), list("abc"), max("hello"), "a" < "B", ord("A"), chr(8364))
print("abc".translate(str.maketrans("ab", "xy", "c")), "straße".casefold(), "ß".upper(), "İ".lower().encode(), "ǆ".title(), "ﬁ".upper())
print("é".encode(), "é".encode("latin-1"), b"caf\xc3\xa9".decode(), "日本".encode("utf-16-le"), len("👨‍👩‍👧"), "a\u0301" == "á", ascii("é€"), repr("it's"), repr('"'), repr("\x00\t\u200b"))
import unicodedata
print(unicodedata.normalize("NFC", "a\u0301") == "á", unicodedata.name("é"), unicodedata.category("A"), "".join(c for c in unicodedata.normalize("NFD", "Crème brûlée") if not unicodedata.combining(c)))
print(textwrap.fill("The quick brown fox jumps over the lazy dog", 20))
print(textwrap.dedent("""\
    def f():
        return 1
    """), textwrap.shorten("hello there world", 12), textwrap.indent("a\nb", "> "), textwrap.wrap("aaa bbb ccc", 7))
print(string.ascii_lowercase, string.digits, string.punctuation, string.Template("$who likes ${what}s $$5").substitute(who="tim", what="cat"), string.capwords("a b-c"))
print("%-10s|%5d|%.3f|%s" % ("left", 42, 3.14159, [1]), "{:<8}|{:>8}|{:^8}".format("l", "r", "c"), "{0}{1}{0}".format("a", "b"), "{a.real}".format(a=1), "{!r:>5}".format("x"))
print(b"abc"[0], b"abc"[:2], bytes([65, 66]), bytearray(b"ab") + b"c", b"a,b".split(b","), b"\xff".hex(), bytes.fromhex("00ff"), b"x" in b"xyz", bytes(3), b"%d" % 5, memoryview(b"abc")[1])
print("abc" "def", 'single' "double", """tri"ple""", r"raw\n", "a\
b", "\x41\u0042\N{LATIN SMALL LETTER C}", "tab\there", 'nul\0'.encode())
print(int("０１２"), "a-b_c d".replace("-", " ").split(), "A" * 3 + "b", "".join(reversed("abc")), "abc".find("z"), "x=1;y=2".split(";"), dict(p.split("=") for p in "x=1;y=2".split(";")))
print(str(b"x"), str(b"x", "ascii"), str(None), str([1, "a"]), str({"k": (1,)}), repr(set()), str(1.0), str(1e100), format(12, "b"), "%s" % (1,), "%s" % ((1, 2),))
words = "the quick brown the lazy the end".split()
print({w: words.count(w) for w in sorted(set(words))}, " ".join(w.capitalize() for w in words[:3]), max(words, key=words.count), [w for w in words if w == w[::-1]])

def caesar(text, shift):
    return "".join(chr((ord(c) - 97 + shift) % 26 + 97) if c.islower() else c for c in text)
print(caesar("hello, z", 3), caesar(caesar("hello", 3), -3))
