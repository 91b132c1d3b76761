sandgate policy test --junit results.xml policies
cat results.xml
sandgate policy test --json policies
sandgate policy check --json policies
