"""The explorer's manifest as types: what web/src/bundle/manifest.schema.json declares.

The schema says what each field means. A test compares these types with it, so a field is added in
both: here and there. `npm run types` in web/ makes the page's types from it.
"""

from typing import TypedDict


class FileEntry(TypedDict):
    file: str
    bytes: int
    sha256: str


class ScaledEntry(FileEntry):
    low: list[float]
    high: list[float]


class DrawsEntry(ScaledEntry):
    count: int


class EncoderEntry(FileEntry):
    input: str
    outputs: list[str]
    labels: str | None


class DecoderEntry(FileEntry):
    input: str
    output: str
    labels: str | None


class JudgeEntry(FileEntry):
    input: str
    output: str
    accuracy: float | None
    images: str


class LatentSpec(TypedDict):
    shape: list[int]
    map: list[int] | None


class ImageShape(TypedDict):
    height: int
    width: int
    channels: int


class ClassEntry(TypedDict):
    name: str
    colour: str


class ColumnEntry(FileEntry):
    name: str
    levels: list[ClassEntry]


class ThumbnailEntry(TypedDict):
    width: int
    height: int
    columns: int
    rows: int
    sheets: list[FileEntry]


class PointsEntry(TypedDict):
    count: int
    split: str
    mu: ScaledEntry
    log_var: ScaledEntry | None
    labels: FileEntry | None
    columns: list[ColumnEntry]
    files: FileEntry | None
    thumbnails: ThumbnailEntry
    images_sha256: str


class PosteriorEntry(TypedDict):
    form: str
    name: str


class LikelihoodEntry(TypedDict):
    form: str
    weight: float | None


class PriorFacts(TypedDict):
    """What a PriorEntry says of the prior itself."""

    description: str
    description_ko: str
    form: str
    mean: list[float]
    covariance: list[list[float]]
    low: list[float] | None
    high: list[float] | None


class NearestEntry(FileEntry):
    draws: int
    searched: int
    count: int
    thumbnails: ThumbnailEntry


class PriorEntry(PriorFacts):
    draws: DrawsEntry
    nearest: NearestEntry | None


class PrincipalEntry(TypedDict):
    mean: list[float]
    axes: list[list[float]]
    variances: list[float]


class EncodedEntry(TypedDict):
    image_index: int
    mu: list[float]


class GoldenEntry(TypedDict):
    latents: list[list[float]]
    images: FileEntry
    label: int | None
    encoded: EncodedEntry | None
    tolerance: float


class FiguresEntry(TypedDict):
    epochs: int
    images: int | None
    seconds: float
    loss: dict[str, float]


class RunEntry(TypedDict):
    id: str
    title: str
    preset: str
    variational: bool
    latent: LatentSpec
    image: ImageShape
    classes: list[ClassEntry]
    encoder: EncoderEntry
    decoder: DecoderEntry
    judge: JudgeEntry | None
    points: PointsEntry
    posterior: PosteriorEntry
    likelihood: LikelihoodEntry
    prior: PriorEntry
    kl_per_dimension: list[float] | None
    principal: PrincipalEntry
    golden: GoldenEntry
    figures: FiguresEntry
    scorecard: dict[str, object] | None


class Manifest(TypedDict):
    schema: int
    generator: str
    source: str
    runs: list[RunEntry]
