sandgate service add mail --socket sockets/mail/rpc.sock
sandgate service show mail | grep mail.
sandgate service add mail --socket sockets/mail/rpc.sock --trust --replace
sandgate service show mail | grep mail.
sandgate service mark mail --source '*=no' --source mail.lock --idempotent mail.send=no --idempotent mail.lock --sensitive mail.send.to --sensitive mail.send.pin=no
sandgate service show mail --json | grep -e '"method"' -e idempotent -e source -e sensitive -A 1
sandgate service export mail > exported.json
cat exported.json | grep -e '"name": "mail' -e x-
sandgate service mark mail --source '*=unset' --source mail.lock=unset --idempotent mail.send=unset --sensitive mail.send.to=unset --sensitive mail.send.pin=unset
sandgate service mark mail --sensitive mail.send.to=unset
sandgate service mark mail --source mail.send=unset
sandgate service mark mail --sensitive mail.send.tu
sandgate service mark mail --sensitive pin
sandgate service mark mail --idempotent mail.sent
sandgate service mark mail --idempotent mail.send=yes
sed -i 's/"x-source": false,//' documents/mail.json
sandgate service refresh mail
