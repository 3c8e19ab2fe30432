# mmdet's RetinaNet for the 30 classes of ImageNet VID, without memory.
_base_ = "mmdet::_base_/models/retinanet_r50_fpn.py"

data_preprocessor = {**_base_.model.data_preprocessor, "type": "TrackDataPreprocessor"}
bbox_head = {**_base_.model.bbox_head, "num_classes": 30}
model = dict(
    _delete_=True,
    type="VideoDetector",
    data_preprocessor=data_preprocessor,
    detector={
        **{name: part for name, part in _base_.model.items() if name != "data_preprocessor"},
        "bbox_head": bbox_head,
    },
)
