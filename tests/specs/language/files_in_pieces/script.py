# What is printed into a file and read from it, line by line.
import io, sys

class Loud:
    def __str__(self):
        print("asked", file=file)
        return "loud"

for options in ({}, {"buffering": 1}, {"newline": ""}, {"newline": "\r\n"}, {"encoding": "utf-16"}, {"encoding": "ascii", "errors": "replace"}):
    with open("out.txt", "w", **options) as file:
        print(1, 2.5, True, "text", file=file)
        print("a", "b", sep="-", end="!\n", file=file)
        print("\u00e4", "\U0001f600", file=file, flush=True)
        print(Loud(), None, [1], file=file)
        print(file=file)
        print("sep", "none", sep=None, end=None, file=file)
    print(options, open("out.txt", "rb").read())

with open("out.txt", "w", encoding="ascii") as file:
    try: print("kept", "\u00e4", file=file)
    except UnicodeEncodeError as error: print(error.reason)
print(open("out.txt").read())
try: print("closed", file=file)
except ValueError as error: print(str(error).rstrip("."))

memory = io.StringIO()
print("one", 2, file=memory)
sys.stdout, kept = memory, sys.stdout
print("into memory")
sys.stdout = kept
print(repr(memory.getvalue()))

class Own(io.StringIO):
    def write(self, text):
        return super().write(text.upper())

own = Own()
print("own", 1, file=own)
print(repr(own.getvalue()))

data = b"one\ntwo\n\nlong " + b"x" * 30_000 + b"\nlast"
with open("lines.bin", "wb") as file:
    file.write(data)
for buffering in (-1, 2, 7, 100):
    with open("lines.bin", "rb", buffering=buffering) as file:
        lines = list(file)
        print([len(line) for line in lines], b"".join(lines) == data, file.readline(), file.tell())
        file.seek(4)
        print(file.readline(2), file.readline(0), file.readline(-1), file.peek(1)[:1], file.readline(), file.read(4), len(file.readline()), file.readlines())
with open("lines.bin", "r+b") as file:
    print(file.readline(), file.tell())
    file.write(b"TWO\n")
    print(file.readline(), file.readline(5), file.tell())
    file.seek(0)
    print(next(file), next(file))
with open("lines.bin") as file:
    print(next(file), [len(line) for line in file])
    file.seek(0)
    print(file.readline(), file.tell())
try: file.readline()
except ValueError as error: print(str(error).rstrip("."))
try: next(iter(open("lines.bin", "rb").__class__(io.BytesIO(b"a\nb")))), print("from memory")
except Exception as error: print(error)
