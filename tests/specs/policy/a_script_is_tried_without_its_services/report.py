from services import calendar, Refused

print(calendar.event_list(limit=5))
print(calendar.event_create("Review", "2026-01-02T10:00:00Z"))
calendar.room_book("blue", 10)
for call in (lambda: calendar.event_delete(1), lambda: calendar.room_book("blue", "much")):
    try:
        call()
    except (Refused, ValueError) as error:
        print(error)
