# The earlier place of runtime/mmdet.py, for configs that inherit it.
_base_ = "./runtime/mmdet.py"
