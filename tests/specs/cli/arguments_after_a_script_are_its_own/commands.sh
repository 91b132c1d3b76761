sandgate run report.py --month 3 --json
sandgate report.py --month 3 -- -x
sandgate -q report.py
sandgate run -c 'import sys; print(sys.argv[1:])' --month 3
chmod +x tool && ./tool --month 3
sandgate run --timout 5s report.py
sandgate run
sandgate reprot
