sandgate run -c 'import os, time; print(dict(os.environ), time.tzname)'
sandgate run --env NAME=Ada --env EMPTY= --env RULE=a=b --env NAME=Grace -c 'import os; print(dict(os.environ))'
sandgate run --env NAME -c 'print("not run")'
sandgate run --tz Europe/Berlin --clock 2026-07-01T12:00:00Z zone.py
sandgate run --tz -03:30 --clock 2026-07-01T12:00:00Z zone.py
sandgate run --env TZ=CET-1CEST,M3.5.0,M10.5.0/3 --clock 2026-01-01T12:00:00Z zone.py
sandgate run --clock 2026-07-01T12:00:00Z zone.py
sandgate run --tz Europe/Berlinn -c 'print("not run")'
sandgate run --tz Mars/Olympus -c 'print("not run")'
sandgate run --tz +25:00 -c 'print("not run")'
sandgate run --tz UTC --env TZ=UTC -c 'print("not run")'
sandgate run --tz Europe/Berlin moved.py
