sandgate service add calendar --socket sockets/calendar/rpc.sock
sandgate run --policies policies --context office -c 'from services import calendar; calendar.room_book("blue", 0.1 + 0.2)'
sandgate run --policies policies --context office -c 'from services import calendar; calendar.room_book("blue", round(0.1 + 0.2, 2))'
# What a policy looks at has a step; what none looks at has all of its digits, and trailing zeros stay.
sandgate run --policies policies --context office ask.py
sandgate run --policies policies --context office code.py
