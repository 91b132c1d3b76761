from services import calendar

try:
    print("booked:", calendar.room_book_never("blue"))
except ConnectionError as error:
    print(error)
