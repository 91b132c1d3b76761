printf 'a\nb\n' | sandgate run upper.py
sandgate run upper.py < names.txt
sandgate run --stdin names.txt upper.py
printf 'x\n' | sandgate run --stdin - upper.py
printf 'first\nsecond\n' | sandgate run -c 'print(input(), "and", input())'
sandgate run -c 'input("name? ")' < /dev/null
head -c 30000000 /dev/zero | sandgate run -c 'import sys; print(len(sys.stdin.buffer.read()))'
# An answer that depends on what was printed before comes through.
mkfifo ask && (sandgate run talk.py <> ask | (read question; echo "$question" > ask; cat))
