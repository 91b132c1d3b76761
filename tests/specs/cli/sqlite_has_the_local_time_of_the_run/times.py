import os
import sqlite3
import time

database = sqlite3.connect(":memory:")


def ask(expression, *values):
    return database.execute("select " + expression, values).fetchone()[0]


def show(*moments):
    for moment in moments:
        local = ask("datetime(?, 'localtime')", moment)
        print(moment, "->", local, "->", ask("datetime(?, 'utc')", local), ask("strftime('%H:%M', ?, 'utc')", moment))


print("winter, summer, and where one begins or ends:")
show("2026-01-15 12:00:00", "2026-07-15 12:00:00", "2026-12-31 23:30:00")
show("2026-03-29 00:59:59", "2026-03-29 01:00:00", "2026-10-25 00:59:59", "2026-10-25 01:00:00")
print("before 1970, and after 2038:")
show("1969-12-31 23:30:00", "2050-07-01 12:00:00")
print("now:", ask("datetime('now', 'localtime')") == time.strftime("%Y-%m-%d %H:%M:%S"))
print("today:", ask("date('now', 'localtime', 'start of month')") == time.strftime("%Y-%m-01"))
print("in UTC:", ask("datetime('now')") == ask("current_timestamp") == time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))

os.environ["TZ"] = "Asia/Kolkata"
time.tzset()
print("in a zone of its own:")
show("2026-01-15 12:00:00", "2026-07-15 12:00:00")
