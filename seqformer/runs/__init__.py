"""Run folders, from birth to resumption."""
