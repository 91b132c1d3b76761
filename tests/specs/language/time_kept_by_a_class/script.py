# What `time` has stays a function where a class keeps it; times as text.
import datetime, io, logging, time

class Clock:
    local, utc, text = time.localtime, time.gmtime, time.strftime

clock = Clock()
print(clock.local(0).tm_year, clock.utc(0).tm_hour, clock.text("%Y", time.gmtime(0)))

stream = io.StringIO()
handler = logging.StreamHandler(stream)
handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
logger = logging.getLogger("deals")
logger.addHandler(handler)
logger.warning("a deal of %d", 5)
print(len(stream.getvalue()), stream.getvalue()[24:].rstrip())

moment = time.struct_time((2024, 3, 9, 4, 5, 6, 5, 69, 0))
for form in ("%Y-%m-%d", "%H:%M:%S", "%F %T", "%R", "%d/%m/%y", "%d.%m.", "%b %d, %Y", "%-d", "%e", "%j", "100%%", "", "none", "%Y%m%dT%H%M%S", "%a, %d %b", "%q", "%"):
    print(form, time.strftime(form, moment), datetime.datetime(2024, 3, 9, 4, 5, 6).strftime(form))
for fields in ((2024, 0, 0, 0, 0, 0, 0, 0, 0), (99, 1, 1, 0, 0, 0, 0, 1, -1), (2024, 13, 1, 0, 0, 0, 0, 1, 0), (2024, 1, 32, 0, 0, 0, 0, 1, 0), (2024, 1, 1, 24, 0, 0, 0, 1, 0)):
    try: print(time.strftime("%Y-%m-%d", fields))
    except (ValueError, TypeError) as error: print(type(error).__name__, error)
