"""Import torch and end: what starting a command is held against, by ``run.py cold``."""

import torch  # noqa: F401
