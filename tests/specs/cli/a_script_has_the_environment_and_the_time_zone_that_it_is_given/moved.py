import os, time

# When clocks are moved there are times that come twice, and times that do not come.
for when in ((2026, 10, 25, 2, 30), (2026, 3, 29, 2, 30), (2026, 7, 1, 2, 30)):
    print([time.mktime((*when, 0, 0, 0, summer)) for summer in (-1, 0, 1)])
os.environ["TZ"] = "America/New_York"
print(time.tzname)
time.tzset()
print(time.tzname, time.localtime(0))
del os.environ["TZ"]
time.tzset()
print(time.tzname, time.localtime(0).tm_hour)
