sandgate policy check policies
sandgate run --policies policies --context notes -c 'print(1)'
SANDGATE_POLICIES_DIR=policies sandgate policy test
