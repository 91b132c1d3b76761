sandgate service add calendar --socket sockets/calendar/rpc.sock --sensitive room.book.code --effect event.list=read
sandgate run -c 'import sys; print("token is ghp_abcdefghijklmnopqrstuvwxyz0123456789"); sys.exit(3)'
sandgate run --policies policies --context office --user ada --claim desk week.py
sandgate journal list
sandgate journal show last
sandgate approve --all --run last --as grace --policies policies
sandgate journal show last
sandgate journal show last --unredacted | grep -A1 room.book
sandgate journal list --context office --method calendar.room.book --verdict refuse --status ok --since 1d --json | sed -E 's/[0-9]{13}/WHEN/g'
sandgate journal list --service mail
sandgate journal list --until 1d
sandgate journal list --method book
sandgate journal list --since yesterday
sandgate journal show 7zzz
sandgate journal show last --json | grep -E 'called|replied|ended' | sed -E 's/"at":[0-9]+/"at":0/; s/"(wall|cpu)_us":[0-9]+/"\1_us":0/g'
sandgate journal export | grep -c .
sandgate journal export --since 9999-01-01 | grep -c .
sandgate journal export | grep -c ghp_
sandgate journal export --unredacted | grep -c ghp_
sandgate journal verify
rm state/journal/anchor
sandgate journal verify
sandgate journal prune --older-than 90d
sandgate journal prune --older-than old
sandgate journal prune --older-than 0s --json
sandgate journal list
