_base_ = [
    "../_base_/models/match_stereo_small.py",
    "../_base_/datasets/stereo_kitti.py",
    "../_base_/schedules/stereo_100k.py",
]

# From the weights of the SceneFlow training.
load_from = "work_dirs/match-stereo_small_sceneflow/iter_100000.pth"
