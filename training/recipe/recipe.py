"""A recipe: all that a training run is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_type_hints

from densehybrid_ros.options import REQUIRED, setting, with_defaults
from densehybrid_ros.training.losses.hybrid import HybridLossWeights

FREE = ("start", "accumulate", "inference_width", "log_every", "checkpoint_every", "training_data", "licence")
VALIDATION_KEYS = ("validation", "validation_stride", "validate_every")
"""Keys of a recipe that may change while a run is continued."""
STYLES = ("natural", "released")
ASKED = "required"
"""Start of a recipe that continues others' training."""
TINY, BELOW_1 = 1e-12, 0.999999


@dataclass(frozen=True)
class SetSource:
    """One labelled set in the mix."""

    name: str = setting(REQUIRED, "the data set")
    root: str = setting(REQUIRED, "its folder, looked up below --data")
    split: str = setting("train", "its split")
    weight: float = setting(1.0, "share of the crops, against the other sets' weights", low=TINY)
    negatives: str = setting("", "in validation: folder of negatives (ADE20K layout) to paste into it")
    negatives_split: str = setting("validation", "their split")
    classes: str = setting("", 'taxonomy to read its labels in, or a YAML class map; "" = its own')
    known_void: bool = setting(False, "void that the set knows (own bonnet, parking, …) is inlier without class")


@dataclass(frozen=True)
class Pasting:
    """What is pasted into each crop, and how."""

    root: str = setting("", 'folder of negatives in the ADE20K layout; "" = none')
    also: list[str] = setting(REQUIRED, "further such folders; all pictures weigh alike", factory=list)
    split: str = setting("training", "their split")
    style: str = setting("natural", "natural, or released: hard edges, one patch per crop")
    patch: int = setting(192, "px; side of the released style's patches (384 with LDN)", low=32)
    negative_probability: float = setting(0.85, "of a crop to hold negatives", low=0, high=1)
    made_share: float = setting(0.3, "of the negatives, synthetic shapes and patterns", low=0, high=1)
    machine_share: float = setting(0.0, "of these, machines: bodies with panes, wheels, booms", low=0, high=1)
    box_share: float = setting(0.0, "of the others, boxes that stand: crates, pallets, cartons", low=0, high=1)
    max_negatives: int = setting(3, "in one crop", low=1)
    largest: float = setting(0.6, "height of the largest segment, in heights of the crop", low=0.1, high=2)
    inlier_probability: float = setting(0.5, "of a crop to hold segments of other frames", low=0, high=1)
    max_inliers: int = setting(2, "in one crop", low=1)
    flat_probability: float = setting(0.0, "of a crop to show covers, stains and patches on the ground", low=0, high=1)
    paint_probability: float = setting(
        0.0, "of a crop to show more lines on the ground, in many colours", low=0, high=1
    )


@dataclass(frozen=True)
class FlowTraining:
    """Synthetic negatives: samples of a flow that is trained along with the segmenter."""

    weights: str = setting("", 'a file of `densehybrid pretrain-flow`; "" = no synthetic negatives')
    probability: float = setting(1.0, "of a picture to get a sample", low=0, high=1)
    sides: list[int] = setting(REQUIRED, "px; smallest and largest side", low=8, factory=lambda: [16, 216])
    style: str = setting("natural", "soft-edged blobs, or hard-edged squares", choices=STYLES)
    boundary: float = setting(0.03, "λ, weight of L_jsd against bits per dimension", low=0)
    learning_rate: float = setting(1e-5, "of the flow", low=0)
    decay: float = setting(0.99, "of that learning rate, per epoch", low=0)
    every: int = setting(1, "the flow takes a step in every n-th one", low=1)


@dataclass(frozen=True)
class Recipe:
    """See training/recipes for examples."""

    architecture: str = setting(REQUIRED, "the network")
    train: list[SetSource] = setting(REQUIRED, "labelled sets")
    steps: int = setting(0, "optimiser steps; 0 = as many as `epochs` take", low=0)
    epochs: float = setting(0.0, "passes over as many pictures as the train sets hold", low=0)
    validation: list[SetSource] = setting(REQUIRED, "sets; the first with a figure chooses the best", factory=list)
    pasting: Pasting = setting(REQUIRED, "negatives of files", factory=Pasting)
    flow: FlowTraining = setting(REQUIRED, "synthetic negatives", factory=FlowTraining)
    loss: HybridLossWeights = setting(REQUIRED, "the loss", factory=HybridLossWeights)
    open_set: bool = setting(True, "false: closed-set training, the cross-entropy alone")
    start: str = setting("", f'weights: a .safetensors, imagenet (trunk only), {ASKED} = from --start, or "" = fresh')
    batch: int = setting(8, "crops per optimiser step, over all processes; batch norm needs 2", low=2)
    accumulate: int = setting(1, "parts in which a process takes its share of the batch", low=1)
    crop: list[int] = setting(REQUIRED, "height and width, px", low=64, factory=lambda: [256, 320])
    scale: list[float] = setting(REQUIRED, "smallest and largest", low=TINY, factory=lambda: [0.75, 2.5])
    jitter: str = setting("natural", "log-uniform scales at any place, or uniform ones", choices=STYLES)
    reference_height: int = setting(360, "px; scales relate to pictures of it; 0 = to their own", low=0)
    rare_classes: list[str] = setting(REQUIRED, "half of the crops are centred on one of them", factory=list)
    rare_evenly: bool = setting(False, "of them each as often as the others, in pictures chosen to hold it")
    ground_classes: list[str] = setting(REQUIRED, "classes on which pasted things stand", factory=list)
    class_balance: float = setting(0.0, "e: classes weigh frequency^−e, mean 1, in the cross-entropy")
    photometric: float = setting(1.0, "strength of the photometric change", low=0)
    learning_rate: float = setting(1e-3, "at the start, after the warm-up", low=TINY)
    learning_rate_min: float = setting(1e-6, "at the end of the cosine", low=0)
    trunk_factor: float = setting(0.25, "learning rate of the pre-trained trunk relative to the rest", low=0)
    freeze_early: bool = setting(False, "stem and first stages stay as they started, statistics included")
    freeze_batch_norm: bool = setting(False, "batch-norm statistics stay as they started")
    loss_stride: int = setting(1, "the loss looks at every n-th pixel both ways, at a random offset", low=1)
    warm_up: int = setting(50, "steps")
    optimizer: str = setting(
        "adamw",
        "weight decay by itself, or in the gradient, or by itself and matrices by Muon",
        choices=("adamw", "adam", "muon"),
    )
    weight_decay: float = setting(1e-4, "of the weights", low=0)
    betas: list[float] = setting(REQUIRED, "of Adam", low=0, high=BELOW_1, factory=lambda: [0.9, 0.999])
    epsilon: float = setting(1e-7, "of Adam", low=TINY)
    average: float = setting(0.0, "decay of the average of the weights, which is kept; 0 = none", low=0, high=BELOW_1)
    precision: str = setting("fp32", "autocast; fp16 on GPUs", choices=("fp32", "bf16", "fp16"))
    log_every: int = setting(20, "steps", low=1)
    validate_every: int = setting(500, "steps", low=1)
    checkpoint_every: int = setting(250, "steps", low=1)
    validation_stride: int = setting(1, "validation looks at every n-th picture", low=1)
    inference_width: int = setting(0, "px; validation's, which the weights recommend; 0 = native", low=0)
    seed: int = setting(1, "of all that is random", low=0)
    training_data: str = setting("", "for the record in the weights")
    licence: str = setting("", "for the record in the weights")


def lasting_part(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe decides about the weights; where data lie, and what is logged and when, does not."""
    kept = {name: value for name, value in asdict(recipe).items() if name not in FREE + VALIDATION_KEYS}
    kept["train"] = [{**source, "root": ""} for source in kept["train"]]
    pasting = kept["pasting"]
    kept["pasting"] = {**pasting, "root": bool(pasting["root"]), "also": len(pasting["also"])}
    kept["flow"] = {**kept["flow"], "weights": bool(kept["flow"]["weights"])}
    return kept


def lasting_part_then(found: Mapping[str, Any]) -> dict[str, Any]:
    """`lasting_part` as a checkpoint has it, with the defaults of all keys that a recipe did not have yet."""
    kinds = get_type_hints(Recipe)
    known = {name: with_defaults(kinds[name], value) for name, value in found.items() if name in kinds}
    return {**lasting_part(Recipe(architecture="", train=[])), **known}
