"""What users import stays where they import it from, wherever the code behind it moves."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import vision
from vision.cli.main import main

ROOT = Path(__file__).resolve().parent.parent

# Module -> the names that it goes on giving out, separated by spaces.
NAMES = {
    "vision.ops": """
        match_attention merge_attentions na1d na1d_av na1d_qk na2d na2d_av na2d_qk na3d na3d_av na3d_qk
        neighborhood_mask
    """,
    "vision.layers": "NeighborhoodAttention1D NeighborhoodAttention2D NeighborhoodAttention3D",
    "vision.models": """
        Calibration CheckpointError convert_match_state_dict forgery_detector forgery_models ForgeryDetector
        ForgeryNetwork match_stereo match_stereo_models MatchStereo StereoMatcher TimmClassifier
    """,
    "vision.apis": "ForgeryInferencer ForgeryResult HeatMap StereoInferencer StereoResult StereoVideo verdict",
    "vision.datasets": """
        BalancedSourceSampler CenterCrop Compose CREStereoDataset ETH3DDataset FixedCorruption
        FlyingThingsFlowDataset ForgeryDataset KITTI2012Dataset KITTI2015Dataset KITTIFlowDataset list_samples
        MiddleburyDataset PackStereo PerView RandomApply RandomBlur RandomCrop RandomErase RandomFlip RandomJPEG
        RandomNoise RandomResize RandomSoften RandomStereoColor RandomStereoCrop RandomStereoFlip
        RandomStereoScale RandomVerticalJitter RandomWebP Sample SceneFlowDataset SintelDataset SomeOf
        SpringDataset StereoConcat StereoCSVDataset StereoDataset StereoFiles StereoFolderDataset
        SyntheticStereo TimmImageDataset
    """,
    "vision.metrics": """
        binary_report bm_disparity ForgeryMetric format_stereo_table format_sweep format_table generator_rows
        mean_row predict Predictions robustness_sweep sgbm_disparity stereo_errors StereoMetric StereoRow
        StereoScores TopKAccuracy
    """,
    "vision.onnx": "Exportable compare decompositions export load_program tiled_attention write_program",
    "vision.geometry": """
        CalibrationError CameraPair depth_of point_cloud read_calibration read_cameras Rectifier
        StereoCalibration write_ply
    """,
    "vision.stereo_io": """
        read_disparity read_flo read_flow read_gray read_pfm write_disparity write_flo write_flow write_pfm
        write_png
    """,
    "vision.provenance": "PROVENANCE_FIELDS read_provenance",
    "vision.provenance.signed": "TrustSettings is_available load_trust read_signed",
    "backbones": "convert_state_dict ConvFormer DiNAT DiNATS DualFrequencyNet NAT recommend_dilations",
    "heads": """
        EnhancementLayer ForgeryHead MambaBBoxHead MambaRoIHead MatchDecoder MemoryBank PixelMemory StreamMemory
    """,
    "heads.memory": "EnhancementLayer MambaBBoxHead MambaRoIHead MemoryBank PixelMemory StreamMemory",
    "vision.images": "common_white IMAGE_SUFFIXES ImageError MAX_PIXELS MIN_SIDE open_regular read_image WHITE",
    "vision.errors": "UsageError",
    "vision.engine": "argument_parser load_config REPLACED_BY_AMP test train use_amp",
    "vision.compat": """
        allow_mmengine_checkpoints apply Inert MissingOpError MMCV_OPS name_mmseg_package nms numpy_globals
        roi_align_backward roi_align_forward stand_in_for_mmcv_ops stored_function
    """,
    "vision.models.forgery": "build_network forgery_detector forgery_models ForgeryNetwork PAPER WEIGHTS_DIR",
    "vision.models.stereo": """
        load_match_stereo match_stereo match_stereo_models MatchStereo MIN_SIZE MULTIPLE WEIGHTS_DIR
    """,
    "vision.apis.forgery": "ForgeryInferencer Picture",
    "vision.apis.stereo": "MIN_MODEL_SIDE Pair StereoInferencer",
    "vision.datasets.forgery": "fold_of ForgeryDataset select_fold thin_out",
    "vision.datasets.stereo": "build_stereo_transform StereoDataset StereoTransform",
    "vision.metrics.forgery": "ForgeryMetric",
    "vision.metrics.stereo": """
        COLUMNS error_sums ErrorSums mean_errors region_sums REGIONS SceneErrors stereo_errors StereoScores
        THRESHOLDS
    """,
    "vision.ops.neighborhood": "na1d na2d na3d",
    "vision.ops.match": "match_attention",
    "vision.visualization.dense": "draw_prediction save_picture",
    "vision.visualization.heatmap": "render_heatmap save_heatmap",
    "vision.visualization.flow": "flow_colors flow_wheel longest",
    "vision.visualization.points": "render_points",
    "vision.visualization.stereo": "disparity_colors disparity_range render_stereo",
    "vision.layers.neighborhood": "NeighborhoodAttention1D NeighborhoodAttention2D NeighborhoodAttention3D",
    "vision.registry": "",
}


@pytest.mark.parametrize("module", NAMES)
def test_names_are_importable(module: str) -> None:
    found = importlib.import_module(module)
    missing = [name for name in NAMES[module].split() if not hasattr(found, name)]
    assert not missing, f"{module} no longer has {missing}"


def test_arguments_keep_their_names(tmp_path: Path) -> None:
    build_stereo_transform = importlib.import_module("vision.datasets.stereo").build_stereo_transform
    assert build_stereo_transform(transform=len) is len
    save_picture = importlib.import_module("vision.visualization.dense").save_picture
    save_picture(picture=Image.new("RGB", (8, 8)), path=tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


def test_version_comes_from_the_module_and_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vision", "--version"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert done.stdout == capsys.readouterr().out
    assert vision.__version__ in done.stdout
