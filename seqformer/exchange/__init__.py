"""The same weights elsewhere: as Marian checkpoints and CTranslate2 models, and back."""
