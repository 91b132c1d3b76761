sandgate service add calendar --socket sockets/calendar/rpc.sock
# Where the clock stands, sleeping moves it.
sandgate run --policies policies --context office --clock 2026-03-01T12:00:00Z book.py 2026-03-31T18:00:00Z
sandgate run --policies policies --context office --clock 2026-03-01T12:00:00Z book.py 2026-03-02T10:00:00+01:00
sandgate run --policies policies --context office --clock 2026-03-01T12:00:00Z book.py "next monday"
