from datetime import date, datetime, time, timedelta, timezone
import calendar

d = date(2024, 2, 29)
print(d, repr(d), d.isoformat(), d.weekday(), d.isoweekday(), d.isocalendar(), d.strftime("%A %d %B %Y %j %U"), d.replace(year=2023, day=1))
print(d + timedelta(days=1), d - date(2023, 2, 28), (date(2024, 3, 1) - d).days, date.fromisoformat("2024-12-31"), date.max, d.toordinal())
dt = datetime(2024, 1, 31, 13, 5, 9, 123456)
print(dt, repr(dt), dt.isoformat(), dt.isoformat(timespec="minutes"), dt.date(), dt.time(), dt.strftime("%I:%M %p %f %y %b %a"))
print(datetime.strptime("03/04/2024 17:30", "%d/%m/%Y %H:%M"), datetime.strptime("Mon Jan 1 2024", "%a %b %d %Y").date())
print(datetime.fromisoformat("2024-01-01T10:00:00+02:00"), datetime.fromisoformat("2024-01-01T10:00:00Z"), datetime.fromisoformat("20240101T101010"))
delta = timedelta(days=1, hours=2, minutes=3, seconds=4.5)
print(delta, repr(delta), delta.total_seconds(), delta * 2, delta / 2, -delta, abs(-delta), delta // timedelta(hours=1), delta % timedelta(hours=1), str(timedelta(0)))
utc = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
est = timezone(timedelta(hours=-5), "EST")
print(utc, utc.astimezone(est), utc.astimezone(est).tzname(), utc.timestamp(), utc == utc.astimezone(est), datetime.fromtimestamp(0, timezone.utc), utc.utcoffset())
try:
    utc - dt
except TypeError as error:
    print(error)
for bad in (lambda: date(2023, 2, 29), lambda: datetime.strptime("x", "%Y"), lambda: time(25), lambda: date.fromisoformat("1/2/2024"), lambda: datetime(2024, 13, 1)):
    try:
        bad()
    except ValueError as error:
        print(error)
print(time(9, 5), time(23, 59, 59).isoformat(), time.fromisoformat("10:20"), time(1) < time(2), datetime.combine(d, time(8)), dt.replace(microsecond=0, hour=0))
print(calendar.monthrange(2024, 2), calendar.isleap(1900), calendar.month_name[3], calendar.day_abbr[6])
print(calendar.month(2024, 2))
print(sorted([date(2024, 1, 2), date(2023, 5, 5)]), max(dt, datetime(2025, 1, 1)), f"{dt:%Y/%m/%d}", d.timetuple()[:3], d < date(2024, 3, 1))

def months(start, count):
    for i in range(count):
        month = start.month - 1 + i
        yield date(start.year + month // 12, month % 12 + 1, 1)
print([m.strftime("%b%y") for m in months(date(2023, 11, 15), 4)])
from zoneinfo import ZoneInfo
paris = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
print(paris, paris.astimezone(ZoneInfo("America/New_York")), paris.tzname(), (paris + timedelta(days=180)).utcoffset())
