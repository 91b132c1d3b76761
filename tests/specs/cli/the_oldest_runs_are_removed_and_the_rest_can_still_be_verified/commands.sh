sandgate run -c 'print("first")'
sandgate run -c 'print("second")'
sandgate journal prune
sandgate journal prune --above 1MiB
sandgate journal prune --older-than 1d --dry-run
sandgate journal prune --older-than 0s --dry-run
sandgate journal prune --older-than 0s --dry-run --json
sandgate journal prune --older-than 0s --above 1GiB
sandgate journal list | grep -c .
printf '[journal]\nkeep = "1d"\n' > state/sandgate.toml
sandgate journal prune --dry-run
printf '[journal]\nkeep = "1d"\nmost = "1B"\n' > state/sandgate.toml
sandgate journal prune --dry-run
sandgate run -c 'print("third")'
sandgate journal list
sandgate journal verify
