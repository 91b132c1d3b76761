mkdir -p policies/.git/hooks policies/docs && echo text > policies/docs/guide.md
sandgate policy check policies
sandgate run --policies policies --context notes -c 'print(1)'
# Half a context is one, or its policies would be overlooked.
mkdir policies/half && echo 'hero_context = 9' > policies/half/limits.toml
sandgate policy check policies
# A context that does not load keeps no other from running.
sandgate run --policies policies --context notes -c 'print(1)'
sandgate run --policies policies --context half -c 'print(1)'
