"""What each task registers in mmengine's root registries, one module per task, for `custom_imports` of configs."""
