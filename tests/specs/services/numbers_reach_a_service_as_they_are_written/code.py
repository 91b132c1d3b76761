from services import calendar

try:
    calendar.room_book("blue", 0.1 + 0.2)
except ValueError as error:
    print(error.code)
