from pathlib import Path

open("upper.csv", "w").write(open("data.csv").read().upper())
Path("empty").touch()
