sandgate run --in plain.csv --in today/first.csv=plain.csv --in data --in copy=data list.py
cp plain.csv odd=plain.csv && sandgate run --in odd=plain.csv list.py
sandgate run --in ./odd=plain.csv list.py
rm odd=plain.csv && sandgate run --in odd=plain.csv list.py
sandgate run --in odd=missing.csv list.py
sandgate run --in plain.csv --in plain.csv=data/new.csv list.py
sandgate run --in data/.. list.py
ln -s ../plain.csv data/link && sandgate run --in data list.py
mkdir data/inside && rm data/link && sandgate run --workspace data/inside --in data list.py
sandgate run --workspace data --in data/new.csv list.py
