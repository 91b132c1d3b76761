sandgate service add calendar --socket sockets/calendar/rpc.sock --sensitive room.book.code --effect event.list=read
sandgate service mark calendar --undo 'room.book=event.delete(id=1)'
sandgate run --calls --policies policies --context office week.py 2>&1 | sed -E 's/ [0-9]+ ms/ SOME ms/'
sandgate run --calls --yes --policies policies --context office week.py 2>&1 | tail -1 | sed -E 's/ [0-9]+ ms/ SOME ms/'
sandgate run --calls week.py
sandgate run --policies policies --context office --no week.py
