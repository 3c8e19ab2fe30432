# The earlier place of runtime/default.py, for configs that inherit it: it registers what all tasks bring.
_base_ = "./runtime/default.py"

custom_imports = dict(imports=["vision.registry"], allow_failed_imports=False)
