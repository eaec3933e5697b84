"""Features of images, from networks that are not trained here; distances in them."""

from reparam.features.base import (
    FEATURES,
    FeatureMap,
    FeatureMaps,
    FeatureOptions,
    feature_maps,
)
from reparam.features.distance import map_distance
from reparam.features.imagenet import ImageNetOptions

__all__ = [
    "FEATURES",
    "FeatureMap",
    "FeatureMaps",
    "FeatureOptions",
    "ImageNetOptions",
    "feature_maps",
    "map_distance",
]
