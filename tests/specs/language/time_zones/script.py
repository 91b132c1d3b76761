from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

noon = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
for zone in ("America/New_York", "Asia/Kolkata", "UTC"):
    print(zone, noon.astimezone(ZoneInfo(zone)).isoformat())
print((datetime(2026, 3, 29, 1, tzinfo=ZoneInfo("Europe/Berlin")) + timedelta(hours=24)).utcoffset())
print("Europe/Berlin" in available_timezones(), "Mars/Olympus" in available_timezones())
for key in ("Mars/Olympus", "europe/berlin"):
    try:
        ZoneInfo(key)
    except ZoneInfoNotFoundError as error:
        print(error)
