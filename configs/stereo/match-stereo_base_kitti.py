_base_ = ["../_base_/match_stereo_base.py", "../_base_/stereo_kitti.py", "../_base_/stereo_iterations.py"]

# From the weights of the SceneFlow training.
load_from = "work_dirs/match-stereo_base_sceneflow/iter_100000.pth"
