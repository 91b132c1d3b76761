sandgate run --workspace data:ro try_all.py
find data -type f | sort && cat data/f.txt
sandgate run --workspace data -c 'open("f.txt", "w").write("changed")' && cat data/f.txt
sandgate run --workspace data:ro --in plain.csv -c 'print("not run")'
sandgate run --workspace data:ro --out results -c 'print(open("f.txt").read())' && ls results
sandgate run --workspace missing:ro -c 'print("not run")'
