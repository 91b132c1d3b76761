sandgate policy matrix policies
sandgate policy matrix policies --json
