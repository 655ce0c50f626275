"""The special symbols: the only place where their ids are defined, for text, models and search alike."""

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIALS = 4
