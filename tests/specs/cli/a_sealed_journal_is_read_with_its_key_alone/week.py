from services import Refused, calendar

print(calendar.event_list(limit=2))
print("booked:", calendar.room_book("blue", code="4711"))
try:
    calendar.event_delete(1)
except Refused as refused:
    print(refused)
calendar.event_create("Review, door code 4711")
"done"
