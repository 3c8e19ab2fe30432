# Dilations of DiNAT and DiNAT_s for COCO, by the layers of the third stage: `deep` has 18, the smaller models have 6.
# The widest of every stage is that of backbones.recommend_dilations(800); the third stage reaches it in three steps.
dilations = dict(
    dinat=[[1, 28, 1], [1, 7, 1, 14], [1, 3, 1, 5, 1, 7], [1, 3, 1, 3, 1]],
    dinat_deep=[[1, 28, 1], [1, 7, 1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3, 1, 3, 1]],
    dinat_s=[[1, 28], [1, 14], [1, 3, 1, 5, 1, 7], [1, 3]],
    dinat_s_deep=[[1, 28], [1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3]],
)
