import re

text = "Order #123: 4 apples @ $1.50, order #77: 10 pears @ $0.25 (paid 2024-05-06)"
print(re.findall(r"#(\d+)", text), re.findall(r"(\d+) (\w+)", text), re.search(r"\$(\d+\.\d\d)", text).group(1))
m = re.search(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", text)
print(m, m.groupdict(), m.group("year", "day"), m[2], m.span("month"), m.start(), m.groups(), m.lastgroup)
print(re.sub(r"(\w+)@(\w+)", r"\2 at \1", "user@host"), re.sub(r"\d+", lambda m: str(int(m[0]) * 2), "a1b22"), re.subn("a", "b", "aaa", count=2))
print(re.split(r"[,;]\s*", "a, b;c,d"), re.split(r"(-)", "1-2"), re.match(r"\d", "a1"), re.fullmatch(r"[a-z]+", "abc").end())
print([m.group() for m in re.finditer(r"\b\w{5}\b", "these words count alpha")], re.escape("a.b*c?"), re.compile(r"x", re.I).flags & re.I)
print(re.findall(r"(?i)ORDER", text), re.findall(r"^\w+", "one\ntwo", re.M), re.search("a.c", "a\nc", re.S), re.findall(r"(?<=\$)\d+", text), re.findall(r"\d+(?! apples)\b", text)[:3])
pattern = re.compile(r"""
    (?P<key>\w+)   # the key
    \s*=\s*
    (?P<value>"[^"]*"|\S+)
""", re.VERBOSE)
print({m["key"]: m["value"].strip('"') for m in pattern.finditer('a = 1 b="two words" c=3')})
print(re.findall(r"<.+?>", "<a><b>"), re.findall(r"<.+>", "<a><b>"), re.sub(r"\s+", " ", " a \n b ").strip(), re.findall(r"(a)|(b)", "ab"))
print(re.sub(r"(?<!^)(?=[A-Z])", "_", "camelCaseName").lower(), re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", "a.b+c@d-e.co.uk x@y"), bool(re.match(r"(\w)\1", "aab")))
print(re.findall(r"\w+", "naïve café 日本"), re.findall(r"\w+", "naïve", re.A), re.split(r"\W+", "a, b! c"), re.findall(r"(?:ab)+", "ababxab"))
for bad in ("(abc", "[a", "*a", "a{2,1}", "(?P<1>a)", r"\1"):
    try:
        re.compile(bad)
    except re.error as error:
        print(f"{bad}: {error}")

def tokenize(code):
    spec = [("NUMBER", r"\d+(\.\d*)?"), ("ID", r"[A-Za-z_]\w*"), ("OP", r"[+\-*/=()]"), ("SKIP", r"\s+"), ("BAD", r".")]
    for m in re.finditer("|".join(f"(?P<{n}>{p})" for n, p in spec), code):
        if m.lastgroup != "SKIP":
            yield m.lastgroup, m.group()
print(list(tokenize("x = 3.5*(y+1)?")))
