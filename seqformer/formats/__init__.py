"""The files that people bring: opened, recognised, read, and filled with translations."""
