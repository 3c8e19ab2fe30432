# Dilations of DiNAT and DiNAT_s for crops of 512 x 512, by the layers of the third stage: `deep` has 18, the smaller
# models have 6.
dilations = dict(
    dinat=[[1, 16, 1], [1, 4, 1, 8], [1, 2, 1, 3, 1, 4], [1, 2, 1, 2, 1]],
    dinat_deep=[[1, 16, 1], [1, 4, 1, 8], [1, 2, 1, 3, 1, 4] * 3, [1, 2, 1, 2, 1]],
    dinat_s=[[1, 16], [1, 8], [1, 2, 1, 3, 1, 4], [1, 2]],
    dinat_s_deep=[[1, 16], [1, 8], [1, 2, 1, 3, 1, 4] * 3, [1, 2]],
)
