"""The words of ClinicaDL 1.x's experiments: which are ours under another name, and which have no twin here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


def _words(text: str) -> list[str]:
    return text.split()


def _pairs(text: str) -> dict[str, str]:
    return dict(zip(_words(text)[::2], _words(text)[1::2], strict=True))


NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "network": _pairs("""
        Conv5_FC3 conv5-fc3  Conv4_FC3 conv4-fc3  Stride_Conv5_FC3 stride-conv5-fc3  Conv5_FC3_SSDA conv5-fc3-ssda
        resnet18 resnet18-2d  ResNet3D resnet3d  SqueezeExcitationCNN squeeze-excitation  GeneratorUNet generator-unet
        AE_Conv5_FC3 ae-conv5-fc3  AE_Conv4_FC3 ae-conv4-fc3  CAE_half cae-half
        VanillaDenseVAE vae-dense  Vanilla3DdenseVAE vae-dense  Vanilla3DVAE vae-dense
        VanillaSpatialVAE vae-spatial  Vanilla3DspacialVAE vae-spatial
        CVAE_3D cvae-3d  CVAE_3D_half cvae-3d-half  CVAE_3D_final_conv cvae-3d-final-conv
    """),
    "loss": _pairs("""
        CrossEntropyLoss cross-entropy  MultiMarginLoss multi-margin  MSELoss mse  L1Loss mae  KLDivLoss kl-div
        BCEWithLogitsLoss bce  HuberLoss huber  SmoothL1Loss smooth-l1  VAEGaussianLoss vae-gaussian
        VAEBernoulliLoss vae-bernoulli  VAEContinuousBernoulliLoss vae-continuous-bernoulli
    """),
    "metric": _pairs("""
        loss loss  accuracy accuracy  BA balanced-accuracy  balanced_accuracy balanced-accuracy  sensitivity sensitivity
        specificity specificity  PPV ppv  NPV npv  F1_score f1  MCC mcc  MK markedness  LR_plus lr-plus  LR_minus lr-minus
        R2_score r2  MAE mae  MSE mse  RMSE rmse  PSNR psnr  SSIM ssim  LNCC lncc
    """),
    "optimizer": _pairs("""
        Adadelta adadelta  Adagrad adagrad  Adam adam  AdamW adamw  Adamax adamax  ASGD asgd  NAdam nadam  RAdam radam
        RMSprop rmsprop  SGD sgd
    """),
    "augmentation": _pairs("""
        None none  Noise noise  Erasing erasing  CropPad crop-pad  Smoothing smoothing  Motion motion  Ghosting ghosting
        Spike spike  BiasField bias-field  RandomBlur blur  RandomSwap swap
    """),
    "sampler": _pairs("random shuffle  weighted weighted"),
}
"""Kind of component -> ClinicaDL's name -> ours."""

WITHIN_0_AND_1: Final = ("bce", "kl-div")  # losses that standardized values do not fit
TASKS: Final = ("classification", "regression", "reconstruction")
DEFAULT_NETWORKS: Final = {"classification": "Conv5_FC3", "regression": "Conv5_FC3", "reconstruction": "AE_Conv5_FC3"}
RENAMED: Final = {
    "model": "architecture",
    "multi": "multi_network",
    "minmaxnormalization": "normalize",
    "num_workers": "n_proc",
    "KL_weight": "kl_weight",
}
OURS: Final = frozenset(_words("schema_version data task network transfer optimization compute"))
OPPOSITE: Final = {"use_cpu": "gpu", "nondeterministic": "deterministic"}
SECTIONS: Final = frozenset(
    _words("""
    Model Architecture Classification Regression Reconstruction Computational Reproducibility Transfer_learning
    Mode Data Cross_validation Optimization Informations Random_Search
    """)
)
_DROPOUT: Final = {"dropout": "dropout"}
_LATENT: Final = {"latent_space_size": "latent_size"}
_DENSE: Final = {"feature_size": "features", "n_conv": "n_conv", "io_layer_channels": "io_channels", **_LATENT}
OPTIONS: Final = {  # of a network of ours: ClinicaDL's name -> ours; the others ignored what ClinicaDL gave them
    **dict.fromkeys(("conv5-fc3", "conv4-fc3", "stride-conv5-fc3", "resnet18-2d", "conv5-fc3-ssda"), _DROPOUT),
    **dict.fromkeys(("cae-half", "cvae-3d", "cvae-3d-half", "cvae-3d-final-conv"), _LATENT),
    "vae-dense": _DENSE,
}
ARCHITECTURE: Final[Mapping[str, tuple[object, ...]]] = {  # what ClinicaDL gives every network, whether it asks or not
    "dropout": (0,),
    "latent_space_size": (128, 256),
    "feature_size": (1024,),
    "n_conv": (4,),
    "io_layer_channels": (8,),
    "normalization": ("batch",),
}
CUT: Final = _words("""
    preprocessing use_uncropped_image prepare_dl custom_suffix acq_label tracer suvr_reference_region patch_size
    stride_size slice_direction slice_mode discarded_slices num_slices roi_list uncropped_roi roi_custom_suffix
    roi_custom_template roi_custom_mask_pattern roi_background_value extract_json file_type
""")  # of 1.0 and 1.1, which had no preprocessing_dict
_SEARCHED: Final = ("convolutions_dict", "n_fcblocks", "network_normalization", "channels_limit", "wd_bool")
_COMPUTED: Final = ("validation", "num_networks", "output_size", "input_size")  # found anew from images and tables
SAID: Final = {  # what our experiment says, under which option; numbers and words that mean the same in both
    "batch_size": ("optimization", "batch_size"),
    "epochs": ("optimization", "epochs"),
    "patience": ("optimization", "patience"),
    "tolerance": ("optimization", "tolerance"),
    "n_proc": ("compute", "workers"),
    "deterministic": ("compute", "deterministic"),
    "selection_threshold": ("task", "voting_threshold"),
}
NO_TWIN: Final = {  # what an experiment of ours does not say: the value that changes nothing, and what to know or do
    "evaluation_steps": (0, "the validation side is scored at the end of each epoch alone"),
    "fully_sharded_data_parallel": (False, "a network lies whole on its device"),
    "compensation": ("memory", "PyTorch chooses the workspace of deterministic operations"),
    "track_exp": ("", "the log of a training is in its MAPS"),
    "save_all_models": (False, "the epochs that the selection metrics choose are kept"),
    "profiler": (False, "profile with a tool of your own"),
    "emissions_calculator": (False, "emissions are not estimated"),
    "use_extracted_features": (False, "ClinicaDL 1.6 did not use it either; data.tensors reads extracted tensors"),
    "adaptive_learning_rate": (False, "the learning rate stays the same"),
    "accumulation_steps": (1, "the optimizer steps after each batch; choose optimization.batch_size"),
    "n_splits": (0, "splits are those in data.splits"),
    "split": ([], "every split in data.splits is trained"),
    "ssda_network": (False, "choose --task.name domain-adaptation, with --task.target"),
    "caps_target": ("", "give the other domain as a data set, with --cohort NAME=PATH"),
    **dict.fromkeys(("tsv_target_lab", "tsv_target_unlab"), ("", "its people belong into the tables of data.splits")),
    "preprocessing_dict_target": ("", "images of both domains are cut in one way"),
    **dict.fromkeys(_SEARCHED, (None, "a network drawn by random search is described by its own options")),
}
_READ: Final = _words("""
    architecture multi_network recons_weight kl_weight network_task selection_metrics label label_code loss gpu amp
    seed transfer_path transfer_selection_metric nb_unfrozen_layer caps_directory tsv_path preprocessing_dict mode
    multi_cohort diagnoses baseline valid_longitudinal normalize data_augmentation sampler optimizer learning_rate
    weight_decay size_reduction size_reduction_factor
""")
KNOWN: Final = {*_READ, *ARCHITECTURE, *CUT, *_COMPUTED, *SAID, *NO_TWIN}
