sandgate --cache-dir cache config show | sed -E 's/   +/  /g'
sandgate config path
export SANDGATE_CONFIG=sandgate.toml; unset SANDGATE_STATE_DIR; sandgate config show --cache-dir cache | sed -E 's/   +/  /g'
export SANDGATE_CONFIG=nowhere.toml; sandgate --config sandgate.toml config show --policies elsewhere --cache-dir cache --json
mkdir -m 700 state && cp sandgate.toml state && sandgate config path
sandgate config show | grep -E '^(config|state_dir|policies)' | sed -E 's/   +/  /g'
mkdir -p home/.config/sandgate && echo 'policies = "~/mine"' > home/.config/sandgate/sandgate.toml
sandgate config path
unset SANDGATE_STATE_DIR; sandgate config show | grep -E '^(config|state_dir|policies)' | sed -E 's/   +/  /g'
rm -r home/.config; unset SANDGATE_STATE_DIR; sandgate config path
sandgate --config none config show | grep -E '^(config|policies)' | sed -E 's/   +/  /g'
sandgate --config none config path
sandgate --config nowhere.toml run -c 'print(1)'
sandgate --config nowhere.toml config path
sandgate --config wrong.toml run -c 'print(1)'
sandgate --config wrong.toml config path
sandgate --config torn.toml journal list
chmod g+w sandgate.toml; sandgate --config sandgate.toml config show
chmod g-w sandgate.toml; ln -s sandgate.toml link.toml; sandgate --config link.toml config show
unset SANDGATE_STATE_DIR; sandgate --config sandgate.toml run -c 'print(1)' && ls kept/journal/journal.db
rm state/sandgate.toml; mkdir settings key other
printf '[journal]\nkey_file = "../key/journal.key"\n' > settings/sandgate.toml; sandgate journal key new key/journal.key
sandgate --config settings/sandgate.toml run --workspace settings -c 'print(1)'
sandgate --config settings/sandgate.toml run --workspace key -c 'print(1)'
sandgate --config settings/sandgate.toml run --workspace other -c 'print(1)'
printf 'policies = "policies"\n[serve]\nlisten = "127.0.0.1:8722"\n' > served.toml; sandgate --config served.toml serve --no-socket --context nobody
sandgate serve --no-socket --context nobody
