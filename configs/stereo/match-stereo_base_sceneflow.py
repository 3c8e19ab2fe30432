_base_ = [
    "../_base_/models/match_stereo_base.py",
    "../_base_/datasets/stereo_sceneflow.py",
    "../_base_/schedules/stereo_100k.py",
]
