import os, time
from datetime import datetime

print(os.environ.get("TZ"), time.tzname, time.timezone, time.altzone, time.daylight)
print(datetime.now(), datetime.now().astimezone(), time.strftime("%H:%M %Z %z"), time.ctime(0))
