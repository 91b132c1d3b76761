sandgate policy check policies
SANDGATE_POLICIES_DIR=policies sandgate policy test
SANDGATE_POLICIES_DIR=policies sandgate policy check --json 2>/dev/null
