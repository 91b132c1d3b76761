sandgate run -c 'open("notes.txt")'
sandgate run -c 'open("/etc/passwd")'
sandgate run -c 'open("a.txt", "w").close(); open("/work/b.txt")'
echo hello > notes.txt; sandgate run --in notes.txt -c 'open("other.txt")'
sandgate run -c 'open("notes.txt", "w").write("x" * (60 << 20))'
mkdir here; sandgate run --workspace here -c 'for n in range(2000): open(f"{n}", "w").close()' 2>&1 | tail -2
sandgate run --memory 100MiB -c 'x = bytearray(1 << 28)'
sandgate run -c 'raise MemoryError("of its own")'
sandgate run --usage -c 'print(1)' 2>&1 | sed 's/[0-9.]* ms/N ms/g; s/[0-9.]* MiB/N MiB/'
sandgate run --usage --json -c 'print(1)'
sandgate run -c 'while True: print("x" * 99)' | head -n 1
sandgate run -c 'for n in range(9): print(n)' | head -n 1
