"""``python -m seqformer`` is the command ``seqformer``."""

from seqformer.cli import main

if __name__ == "__main__":
    main()
