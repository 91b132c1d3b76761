from services import Refused, calendar

calendar.event_list(limit=2)
calendar.room_book("blue", code="4711")
for wrong in (lambda: calendar.event_delete(1), lambda: calendar.event_list(limit="many")):
    try:
        wrong()
    except (Refused, TypeError, ValueError):
        pass
calendar.event_create("4711: Review of ghp_abcdefghijklmnopqrstuvwxyz0123456789")
