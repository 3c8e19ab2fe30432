# The earlier place of runtime/mmseg.py, for configs that inherit it.
_base_ = "./runtime/mmseg.py"
