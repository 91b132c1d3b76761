from services import calendar

# What is refused takes no place.
for cost in (500, 10, 20, 30):
    try:
        print(calendar.room_book("blue", cost))
    except Exception as error:
        print(type(error).__name__, error.code, error)
print(calendar.event_list())
# All calls together are another matter, and an import is none of them.
calendar.event_list()
