printf 'a,b\n' > data.csv
sandgate run --in data.csv upper.py
sandgate journal show last
sandgate journal show last --json | grep -v '"given"' | sed -E 's/"(at|started_ms|modified_ns)":[0-9]+/"\1":0/g; s/"(wall|cpu)_us":[0-9]+/"\1_us":0/g; s/"seed":"?[0-9a-f]*"?/"seed":0/'
sandgate journal export | grep -c .
sandgate journal show last --unredacted --json | grep -c .
