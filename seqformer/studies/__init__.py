"""Questions that several trainings together answer."""
