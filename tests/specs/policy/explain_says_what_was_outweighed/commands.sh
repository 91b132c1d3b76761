sandgate policy explain --policies policies --context notes notes note.list
sandgate policy explain --policies policies --context notes --json notes note.list
