"""A recipe: all that a training run is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from densehybrid_ros.training.losses.hybrid import HybridLossWeights

FREE = ("start", "accumulate", "inference_width", "log_every", "checkpoint_every", "training_data", "licence")
VALIDATION_KEYS = ("validation", "validation_stride", "validate_every")
"""Keys of a recipe that may change while a run is continued."""


@dataclass(frozen=True)
class SetSource:
    """One labelled set in the mix."""

    name: str
    root: str
    split: str = "train"
    weight: float = 1.0
    """Share of the crops drawn from this set, against the other sets' weights."""
    negatives: str = ""
    """In validation: folder of negatives (ADE20K layout), pasted into every picture as its anomalies; "" = none."""
    negatives_split: str = "validation"


@dataclass(frozen=True)
class Pasting:
    """What is pasted into each crop, and how."""

    root: str = ""
    """Folder of negatives in the ADE20K layout; "" = none."""
    split: str = "training"
    style: str = "natural"
    """natural, or released: hard edges, one patch per crop."""
    patch: int = 192
    """px; side of the released style's patches (384 with LDN)."""
    negative_probability: float = 0.85
    """A crop holds negatives at all."""
    made_share: float = 0.3
    """Of the negatives, made outlines and patterns."""
    max_negatives: int = 3
    inlier_probability: float = 0.5
    """A crop holds inlier segments of other frames, pasted the same way."""
    max_inliers: int = 2


@dataclass(frozen=True)
class FlowTraining:
    """Synthetic negatives: samples of a flow that is trained along with the segmenter."""

    weights: str = ""
    """A .safetensors of `densehybrid pretrain-flow`; "" = no synthetic negatives."""
    probability: float = 1.0
    """Of a picture to get a sample."""
    sides: list[int] = field(default_factory=lambda: [16, 216])
    """px; smallest and largest side, one per batch, in steps of 8."""
    style: str = "natural"
    """natural: soft-edged blobs; released: whole squares, hard-edged."""
    boundary: float = 0.03
    """λ, weight of L_jsd against bits per dimension."""
    learning_rate: float = 1e-5
    decay: float = 0.99
    """Of the learning rate, per epoch."""
    every: int = 1
    """The flow takes a step in every n-th step of the segmenter; its samples are in all of them."""


@dataclass(frozen=True)
class Recipe:
    """See training/recipes for examples."""

    architecture: str
    train: list[SetSource]
    steps: int = 0
    """Optimiser steps; 0 = as many as `epochs` take."""
    epochs: float = 0.0
    """Passes over as many pictures as the train sets hold; used where `steps` is 0."""
    validation: list[SetSource] = field(default_factory=list)
    """The first gives mIoU; every set with anomalies gives AP and FPR95."""
    pasting: Pasting = field(default_factory=Pasting)
    flow: FlowTraining = field(default_factory=FlowTraining)
    loss: HybridLossWeights = field(default_factory=HybridLossWeights)
    open_set: bool = True
    """False: closed-set training, the cross-entropy alone."""
    start: str = ""
    """Weights to start from: a .safetensors of ours, "imagenet" (trunk only), or "" = fresh."""
    batch: int = 8
    """Crops per optimiser step, over all processes."""
    accumulate: int = 1
    """Parts, one after the other, in which a process takes its share of the batch: for less memory."""
    crop: list[int] = field(default_factory=lambda: [256, 320])
    """Height and width, px."""
    scale: list[float] = field(default_factory=lambda: [0.75, 2.5])
    jitter: str = "natural"
    """natural: log-uniform scales, a slight stretch, any pixel may be the centre; released: uniform scale and place."""
    reference_height: int = 360
    """px; scales are relative to pictures of this height, so that sets of other sizes mix; 0 = to their own size."""
    rare_classes: list[str] = field(default_factory=list)
    """Half of the crops are centred on one of these."""
    ground_classes: list[str] = field(default_factory=list)
    """Classes on which pasted things stand."""
    class_balance: float = 0.0
    """Exponent e: classes weigh frequency^−e in the cross-entropy, mean 1."""
    photometric: float = 1.0
    """Strength of the photometric change."""
    learning_rate: float = 1e-3
    learning_rate_min: float = 1e-6
    trunk_factor: float = 0.25
    """Learning rate of the pre-trained trunk relative to the rest."""
    freeze_early: bool = False
    """Stem and first stages stay as they started, batch-norm statistics included."""
    freeze_batch_norm: bool = False
    """Batch-norm statistics stay as they started, in the whole network."""
    loss_stride: int = 1
    """The loss looks at every n-th pixel in both directions, at a random offset, after upsampling."""
    warm_up: int = 50
    optimizer: str = "adamw"
    """adamw, or adam (weight decay as a part of the gradient)."""
    weight_decay: float = 1e-4
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    epsilon: float = 1e-7
    average: float = 0.0
    """Decay of the exponential moving average of the weights; 0 = none. The average is what is validated and kept."""
    precision: str = "fp32"
    """fp32, or bf16 or fp16 autocast; fp16 with scaled losses, on GPUs."""
    log_every: int = 20
    validate_every: int = 500
    checkpoint_every: int = 250
    validation_stride: int = 1
    """Periodic validation looks at every n-th picture."""
    inference_width: int = 0
    """Width in px at which validation runs and which the weights then recommend; 0 = native."""
    seed: int = 1
    training_data: str = ""
    licence: str = ""


def lasting_part(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe decides about the weights; where data lie, and what is logged and when, does not."""
    kept = {name: value for name, value in asdict(recipe).items() if name not in FREE + VALIDATION_KEYS}
    kept["train"] = [{**source, "root": ""} for source in kept["train"]]
    kept["pasting"] = {**kept["pasting"], "root": bool(kept["pasting"]["root"])}
    kept["flow"] = {**kept["flow"], "weights": bool(kept["flow"]["weights"])}
    return kept
