_base_ = ["../_base_/match_stereo_small.py", "../_base_/stereo_mixed.py", "../_base_/stereo_iterations.py"]

# From the weights of the SceneFlow training.
load_from = "work_dirs/match-stereo_small_sceneflow/iter_100000.pth"
