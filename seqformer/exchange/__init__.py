"""Export to Marian checkpoints and CTranslate2 models, and import of Marian checkpoints."""
