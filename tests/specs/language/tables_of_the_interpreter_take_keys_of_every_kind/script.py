# Dictionaries and sets that were there before the script, and copies of such: what is looked up in them, added and taken away.
import builtins, keyword, os, string, sys
from collections import UserString


class Text(str):
    pass


def tables():
    yield "builtins", vars(builtins)
    yield "string", vars(string)
    yield "a copy of a class's", dict(vars(string.Template))
    yield "a copy of the modules", dict(sys.modules)
    yield "the environment", os.environ


for what, names in tables():
    before = list(names)
    assert all(name in names and names[name] == value for name, value in list(names.items())), what
    name = before[len(before) // 2] if before else None
    if name is not None:
        for same in ("".join(list(name)), Text(name), UserString(name) if what != "the environment" else name):
            assert same in names and hash(same) == hash(name), (what, type(same))
    for absent in ("nobody has this", "", Text("nor this"), *([] if what == "the environment" else [7, 7.5, None, (1, "two"), b"three"])):
        assert absent not in names, (what, absent)
    twin = dict(names)
    twin["added"] = "1"
    assert "added" in twin and "added" not in names, what
    names["added"] = "2"
    assert names["added"] == "2" and list(names)[-1] == "added" and len(names) == len(before) + 1, what
    if what != "the environment":
        names[7], names[(1, "two")] = "3", "4"
        assert names[7.0] == "3" and names[(1, "t" + "wo")] == "4"
        del names[7], names[(1, "two")]
    assert names.pop("added") == "2" and "added" not in names and list(names) == before, what
    assert names.setdefault("again", "5") == names.setdefault("again", "6") == "5" and names.pop("again") == "5", what
    for number in range(1000):
        names[f"many {number}"] = str(number)
    assert all(names.pop(f"many {number}") == str(number) for number in range(1000)) and list(names) == before, what
    assert dict(names) == {**names} and not dict(names).keys() ^ names.keys(), what

words = frozenset(keyword.kwlist)
assert words == set(keyword.kwlist) == {*words} and hash(words) == hash(frozenset(sorted(keyword.kwlist)))
assert "if" in words and "iff" not in words and len(words | {"iff"}) == len(words) + 1 and words - set(keyword.kwlist) == set()
assert {"def", "x"} & words == {"def"} and words.issuperset(["for", "in"]) and keyword.iskeyword("while")
print("all as they should be")
