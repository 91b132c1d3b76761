import sys
import time
from services import calendar

for wait in (0, 86400):
    time.sleep(wait)
    try:
        print(calendar.event_create("Review", sys.argv[1]))
    except Exception as error:
        print(type(error).__name__, error.code, error)
