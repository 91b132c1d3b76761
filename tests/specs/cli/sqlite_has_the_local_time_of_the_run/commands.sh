# CPython says the same where TZ is set so. Without a zone it is UTC.

sandgate run --tz Europe/Berlin --clock 2026-06-30T22:30:00Z times.py

sandgate run --tz America/St_Johns --clock 2026-03-01T01:00:00Z times.py

sandgate run --clock 2026-06-30T22:30:00Z times.py
