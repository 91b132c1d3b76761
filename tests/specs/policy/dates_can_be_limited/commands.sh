sandgate policy test policies/desk
sandgate policy explain --policies policies --context desk --now 2026-03-01T12:00:00Z calendar event.create '{"title": "x", "start": "2026-03-07T09:30:00.5+01:00"}'
sandgate policy explain --policies policies --context desk calendar event.create '{"title": "x", "start": "tomorrow"}'
sandgate policy explain --policies policies --context desk --now tomorrow calendar event.create
sandgate policy check policies/stale
