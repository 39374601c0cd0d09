"""Jobs: a configuration, a run on an engine, a report, a manifest, an exit code."""
