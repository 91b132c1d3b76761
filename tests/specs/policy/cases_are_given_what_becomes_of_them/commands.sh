sandgate policy test policies/office
sandgate policy test policies/office --bless
cat policies/office/cases.toml
rm policies/office/cases.toml; sandgate policy lint policies/office
