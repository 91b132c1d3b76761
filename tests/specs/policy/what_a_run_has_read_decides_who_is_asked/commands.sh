sandgate policy test policies/office
sandgate policy matrix policies/office
sandgate policy lint policies/office
sandgate policy explain --policies policies --context office --after mail.list mail send '{"to": "ada"}'
sandgate policy explain --policies policies --context office --after mail.lst mail send '{"to": "ada"}'
sandgate policy check policies/misspelt
