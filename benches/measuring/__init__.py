"""What `benches/compare` and `benches/growth` share: processes that are measured, ratios of pairs, plots. It knows no rival."""
