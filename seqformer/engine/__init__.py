"""Translation of a run by CTranslate2: the same lines, without torch."""
