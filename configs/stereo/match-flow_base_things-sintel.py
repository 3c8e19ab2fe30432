_base_ = [
    "../_base_/models/match_stereo_base.py",
    "../_base_/datasets/flow_things_sintel.py",
    "../_base_/schedules/stereo_100k.py",
]

model = dict(stereo=False)
