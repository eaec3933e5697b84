"""Features of images, from networks that are not trained here; distances in them."""

from reparam.features.base import (
    FEATURES,
    FeatureMap,
    FeatureMaps,
    FeatureOptions,
    check_maps,
    feature_maps,
)
from reparam.features.distance import distances_by_place, map_distance
from reparam.features.imagenet import ImageNetOptions

__all__ = [
    "FEATURES",
    "FeatureMap",
    "FeatureMaps",
    "FeatureOptions",
    "ImageNetOptions",
    "check_maps",
    "distances_by_place",
    "feature_maps",
    "map_distance",
]
