sandgate report.py
sandgate -q run report.py
sandgate later.py
sandgate broken.py
