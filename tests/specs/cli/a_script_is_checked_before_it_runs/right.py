import services
from services.aio import calendar

for title in await calendar.event_list(limit=5):
    await calendar.event_create(title, "2026-01-02T10:00:00Z")
await calendar.room_book("blue", 10)
try:
    services.calendar.event_delete(1)
except services.Refused as refusal:
    print(refusal)
