"""The article's VAE in Keras on TensorFlow: what the reference framework itself comes to.

    pip install tensorflow-cpu keras
    REPARAM_DATA=FOLDER_WITH_MNIST python benchmarks/keras_article.py [--seed 0]

The first 2,000 MNIST training images, batch 32, 200 epochs, Adam at 5e-4, factor 1000; judged on
the 10,000 test images with z sampled. Uses nothing of reparam, so that it can run in an environment
of its own. Prints one line of figures in the article's units.
"""

import argparse
import gzip
import os
import time
from pathlib import Path

import numpy as np

try:
    import keras
    import tensorflow as tf
except ImportError as error:
    raise SystemExit(f"absent: {error.name} is not installed, nothing measured") from error

SLOPE = 0.3
FACTOR = 1000.0


def images(name: str) -> np.ndarray:
    raw = gzip.decompress((Path(os.environ["REPARAM_DATA"]) / name).read_bytes())
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28, 1).astype("float32") / 255


def networks(batch_norm: bool = False, dropout: float = 0.0) -> tuple[keras.Model, keras.Model]:
    """Encoder (image → mu, log_var) and decoder (z → image)."""
    layers = keras.layers

    def after(h: keras.KerasTensor, norm_first: bool) -> keras.KerasTensor:
        steps = [layers.LeakyReLU(negative_slope=SLOPE)]
        if batch_norm:
            steps.insert(0 if norm_first else 1, layers.BatchNormalization())
        if dropout:
            steps.append(layers.Dropout(dropout))
        for step in steps:
            h = step(h)
        return h

    image = h = keras.Input((28, 28, 1))
    for filters, stride in zip((32, 64, 64, 64), (1, 2, 2, 1), strict=True):
        h = after(layers.Conv2D(filters, 3, strides=stride, padding="same")(h), True)
    h = layers.Flatten()(h)
    encoder = keras.Model(image, [layers.Dense(2)(h), layers.Dense(2)(h)])
    z = keras.Input((2,))
    h = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64)(z))
    for filters, stride in zip((64, 64, 32), (1, 2, 2), strict=True):
        h = after(layers.Conv2DTranspose(filters, 3, strides=stride, padding="same")(h), False)
    h = layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid")(h)
    return encoder, keras.Model(z, h)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    encoder, decoder = networks()
    weights = encoder.trainable_variables + decoder.trainable_variables
    optimiser = keras.optimizers.Adam(5e-4)
    optimiser.build(weights)

    def terms(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mu, log_var = encoder(x)
        z = mu + tf.exp(log_var / 2) * tf.random.normal(tf.shape(mu))
        mse = tf.reduce_mean(tf.square(x - decoder(z)), [1, 2, 3])
        kl = -0.5 * tf.reduce_sum(1 + log_var - mu**2 - tf.exp(log_var), 1)
        return FACTOR * mse, kl

    @tf.function(reduce_retracing=True)
    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            r_loss, kl = terms(x)
            loss = tf.reduce_mean(r_loss + kl)
        optimiser.apply(tape.gradient(loss, weights), weights)
        return loss

    train = images("train-images-idx3-ubyte.gz")[:2000]
    batches = tf.data.Dataset.from_tensor_slices(train).shuffle(2000).batch(32).prefetch(2)
    began = time.perf_counter()
    for _ in range(options.epochs):
        losses = [step(x) for x in batches]
    seconds = time.perf_counter() - began
    test = images("t10k-images-idx3-ubyte.gz")
    parts = [terms(test[i : i + 500]) for i in range(0, len(test), 500)]
    r_loss, kl = (float(np.concatenate([p[i].numpy() for p in parts]).mean()) for i in (0, 1))
    print(
        f"Keras {keras.__version__}, TensorFlow {tf.__version__}, seed {options.seed}: training "
        f"loss {float(np.mean(losses)):.2f}; test {r_loss:.2f} + {kl:.2f} = {r_loss + kl:.2f}; "
        f"{seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
