"""How group norms divide channels; for those who check sizes without torch, too."""

#: Of every group norm.
GROUPS = 8
