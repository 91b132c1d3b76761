sandgate service add calendar --socket sockets/calendar/rpc.sock --sensitive room.book.code --effect event.list=read
sandgate journal key new state/journal.key
sandgate journal key new state/journal.key
stat -c %a state/journal.key
printf '[journal]\nkey_file = "journal.key"\n' > state/sandgate.toml
sandgate run --policies policies --context office --user ada --claim desk week.py
sandgate journal list --context office --method calendar.room.book --verdict refuse
sandgate journal list --service mail
sandgate journal show last
sandgate approve --all --run last --as grace --policies policies
sandgate replay last
sandgate journal verify
sandgate doctor --policies policies | grep '  journal'
grep -rlE 'room.book|week.py' state/journal | grep -c .
sandgate --config none journal show last
sandgate --config none run -c 'print(1)'
sandgate --config none run --policies policies --context office --claim desk week.py 2>&1 | grep -v '^ '
sandgate --config none journal verify
mv state/journal.key state/away.key; sandgate journal list
sandgate run -c 'print(1)'
sandgate journal key new state/journal.key && sandgate journal list
mv state/away.key state/journal.key && chmod go+r state/journal.key && sandgate journal list
chmod go-r state/journal.key && sandgate journal list --status ok
