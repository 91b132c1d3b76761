from services import Refused, calendar

calendar.event_list()
calendar.room_book("blue", code="4711")
calendar.room_book(room="red", code="4712")
for delete in (lambda: calendar.event_delete(1), lambda: calendar.event_move(1, 17)):
    try:
        delete()
    except Refused as refused:
        print(refused)
