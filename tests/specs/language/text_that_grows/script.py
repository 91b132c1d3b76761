# Text is added to where it is, and whoever else has it keeps what he has.
def grow():
    text = ""
    kept = []
    for number in range(2000):
        if number % 400 == 0:
            kept.append(text)
        text += chr(97 + number % 26) if number % 7 else "\u00e4\U0001f600"[number % 2]
    return text, kept

text, kept = grow()
print(len(text), text[:12], [len(part) for part in kept], text.startswith(kept[-1]), hash(text) == hash("".join(text)))

def halves():
    text = "\ud83d"
    text += "\ude00"
    other = text
    text += "x"
    return len(text), [hex(ord(letter)) for letter in text], len(other), text.encode("utf-16-le", "surrogatepass").hex()

print(halves())

def interned():
    name = "deal"
    name += "s"
    return name, "deal", {"deals": 1}[name]

print(interned())

def twice():
    text = "ab"
    text += text
    text = text + text
    return text, text.find("b", 5), text.index("a", 3), text[3]

print(twice())

def many(count):
    text = ""
    for _ in range(count):
        text += "x"
    return len(text)

print(many(300_000))
