// Made from manifest.schema.json by `npm run types`. Do not edit.

/**
 * ONNX: images (B, C, H, W) in [0, 1] to the posterior's parameters.
 */
export type EncoderEntry = FileEntry & {
  input: string;
  /**
   * mu, and log_var where there is one.
   *
   * @minItems 1
   */
  outputs: string[];
  /**
   * Input of a conditional model: the class (B,), int64; null of others.
   */
  labels: string | null;
};
/**
 * ONNX: latents (B, ...shape) to images (B, C, H, W) in [0, 1].
 */
export type DecoderEntry = FileEntry & {
  input: string;
  output: string;
  /**
   * Input of a conditional model: the class (B,), int64; null of others.
   */
  labels: string | null;
};
/**
 * ONNX: images (B, C, H, W) in [0, 1] to one number for each class, the largest of the likeliest (logits).
 */
export type JudgeEntry = FileEntry & {
  input: string;
  output: string;
  /**
   * Share of real images whose class it finds.
   */
  accuracy: number | null;
  /**
   * Those images, in words.
   */
  images: string;
};
/**
 * uint16, little-endian, row-major: value = low + (high - low) * code / 65535.
 */
export type ScaledEntry = FileEntry & {
  /**
   * Of each column.
   */
  low: number[];
  /**
   * Of each column.
   */
  high: number[];
};
/**
 * A value of each point: float32 or, where the file has 8 bytes for each, float64, little-endian, NaN for none.
 */
export type ColumnEntry = FileEntry & {
  /**
   * Differs between columns of a run.
   */
  name: string;
  /**
   * The categories of a categorical column, whose values are places in this list. Empty for a numeric column.
   */
  levels: ClassEntry[];
};
export type DrawsEntry = ScaledEntry & {
  /**
   * Number of rows.
   */
  count: number;
};
/**
 * The training images nearest to the first draws, as a JSON object of lists. Of each image: index (in the set), label (null for none). Of each draw: latent and pixels (places among these images; by the latent means, and by the pixels of the decoded draw), latent_distance, pixel_distance (root of the mean squared difference, pixels in [0, 1]). Both lists of pixels are null for conditional models.
 */
export type NearestEntry = FileEntry & {
  /**
   * How many, from the first.
   */
  draws: number;
  /**
   * Number of training images that were looked at.
   */
  searched: number;
  /**
   * Number of images found.
   */
  count: number;
  thumbnails: ThumbnailEntry;
};

/**
 * data/manifest.json of the bundle: reparam/export writes it, the page reads it.
 */
export interface Manifest {
  /**
   * A page refuses a larger number. It ignores fields that it does not know.
   */
  schema: 1;
  /**
   * The program and its version.
   */
  generator: string;
  /**
   * The names of the image sets.
   */
  source: string;
  /**
   * @minItems 1
   */
  runs: RunEntry[];
}
/**
 * A trained model, its held-out images and what was measured.
 */
export interface RunEntry {
  /**
   * Differs between runs; lower-case letters, digits and hyphens.
   */
  id: string;
  title: string;
  preset: string;
  /**
   * Whether the posterior has a variance.
   */
  variational: boolean;
  latent: LatentSpec;
  image: ImageShape;
  /**
   * Empty without labels.
   */
  classes: ClassEntry[];
  encoder: EncoderEntry;
  decoder: DecoderEntry;
  /**
   * A classifier of such images; null where none is known.
   */
  judge: JudgeEntry | null;
  points: PointsEntry;
  posterior: PosteriorEntry;
  likelihood: LikelihoodEntry;
  prior: PriorEntry;
  /**
   * Mean KL of each dimension, in nats; null where it has no such sum.
   */
  kl_per_dimension: number[] | null;
  principal: PrincipalEntry;
  golden: GoldenEntry;
  figures: FiguresEntry;
  /**
   * scorecard.json, with null for NaN and infinities; null without one.
   */
  scorecard: {
    [k: string]: unknown;
  } | null;
}
export interface LatentSpec {
  /**
   * Lists and columns hold the elements of a latent in row-major order.
   *
   * @minItems 1
   */
  shape: number[];
  /**
   * Channels, height and width where a latent is a map of positions.
   *
   * @minItems 3
   * @maxItems 3
   */
  map: number[] | null;
}
export interface ImageShape {
  height: number;
  width: number;
  channels: number;
}
export interface ClassEntry {
  name: string;
  /**
   * #rrggbb. The page shows any other value as grey.
   */
  colour: string;
}
export interface FileEntry {
  /**
   * Name below the site, such as data/vae/mu.bin.
   */
  file: string;
  /**
   * Its length.
   */
  bytes: number;
  sha256: string;
}
/**
 * The held-out images and their latents.
 */
export interface PointsEntry {
  count: number;
  /**
   * train, validation or test.
   */
  split: string;
  mu: ScaledEntry;
  log_var: ScaledEntry | null;
  labels: FileEntry | null;
  /**
   * What the points can be coloured and filtered by, beside their classes.
   */
  columns: ColumnEntry[];
  /**
   * A JSON list: the path of each image in its folder; null for images of no files.
   */
  files: FileEntry | null;
  thumbnails: ThumbnailEntry;
  /**
   * Of the images' bytes: equal for runs that hold the same images.
   */
  images_sha256: string;
}
/**
 * PNG sheets: image i is on sheet i // (columns * rows), row by row.
 */
export interface ThumbnailEntry {
  width: number;
  height: number;
  columns: number;
  rows: number;
  sheets: FileEntry[];
}
export interface PosteriorEntry {
  /**
   * normal: with independent dimensions, so that z = mean + sigma * epsilon.
   */
  form: "point" | "normal" | "other";
  name: string;
}
export interface LikelihoodEntry {
  /**
   * other: the decoded image alone does not tell the distortion.
   */
  form: "normal" | "bernoulli" | "other";
  /**
   * Of the mean squared error in the distortion; null where it is not normal.
   */
  weight: number | null;
}
/**
 * The prior of the samples, with its exact moments or those of the draws.
 */
export interface PriorEntry {
  description: string;
  description_ko: string;
  /**
   * Uniform between low and high, normal with mean and covariance, or neither.
   */
  form: "uniform" | "normal" | "other";
  mean: number[];
  covariance: number[][];
  /**
   * The lower ends of a prior that has some; null for others.
   */
  low: number[] | null;
  /**
   * The upper ends; null for others.
   */
  high: number[] | null;
  draws: DrawsEntry;
  /**
   * null without training images.
   */
  nearest: NearestEntry | null;
}
/**
 * Principal axes of the points, of largest variance first.
 */
export interface PrincipalEntry {
  mean: number[];
  /**
   * Rows are axes.
   */
  axes: number[][];
  variances: number[];
}
/**
 * What PyTorch computes, for the page to compare with.
 */
export interface GoldenEntry {
  latents: number[][];
  images: FileEntry;
  /**
   * The class of all decodings, of a conditional model.
   */
  label: number | null;
  encoded: EncodedEntry | null;
  /**
   * Largest difference of a decoded pixel.
   */
  tolerance: number;
}
/**
 * One image and its posterior mean; null where thumbnails are not exact.
 */
export interface EncodedEntry {
  /**
   * Of the points.
   */
  image_index: number;
  mu: number[];
}
/**
 * What training recorded.
 */
export interface FiguresEntry {
  epochs: number;
  /**
   * Number of training images.
   */
  images: number | null;
  seconds: number;
  /**
   * Losses on the points' split, by name.
   */
  loss: {
    [k: string]: number;
  };
}
