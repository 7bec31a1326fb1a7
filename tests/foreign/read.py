"""Exports of a small history, read by the programs that analysts use: the same rows, types, instants, codes and flows."""
import importlib, sys

from made import FAILED, exported

exported()
for readers in ["small"] if sys.argv[1:] == ["small"] else ["small", "large"]:
    importlib.import_module(readers)
sys.exit(1 if FAILED else 0)
