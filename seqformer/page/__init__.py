"""One offline page that holds a trained run, and runs it in plain JavaScript."""
