sandgate run --in data.csv --out results upper.py && cat results/upper.csv
sandgate run --in data.csv --out results -c 'print("not run")'
echo 'c,d' > data.csv && sandgate run --in data.csv --out results --force upper.py && cat results/upper.csv
ln -sf ../data.csv results/upper.csv && sandgate run --in data.csv --out results --force upper.py && cat data.csv results/upper.csv
mkdir -p other && cp data.csv other && sandgate run --in data.csv --in other/data.csv -c 'print("not run")'
sandgate run --force -c 'print("not run")'
