import pandas
from services import calendar
from services.aio import calender

for event in calendar.event_lst(limit=5):
    print(event)
calendar.event_create("Review")
calendar.room_book("blue", cost="much")
await calendar.event_list(limit=0)
