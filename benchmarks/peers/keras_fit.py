"""The article's code in Keras on TensorFlow: a model with a train_step of its own, and fit."""

import math
import time

import keras
import numpy as np
import tensorflow as tf
from keras_article import networks

from peers.job import FACTOR, LEARNING_RATE, Job, Trained

PACKAGES = ("keras", "tensorflow-cpu")


class VAE(keras.Model):
    """After the VAE of Keras' own examples (keras.io/examples/generative/vae)."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.noise = keras.random.SeedGenerator(0)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.loss_tracker]

    def train_step(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            mu, log_var = self.encoder(x, training=True)
            z = mu + tf.exp(log_var / 2) * keras.random.normal(tf.shape(mu), seed=self.noise)
            decoded = self.decoder(z, training=True)
            mse = tf.reduce_mean(tf.square(x - decoded), [1, 2, 3])
            kl = -0.5 * tf.reduce_sum(1 + log_var - mu**2 - tf.exp(log_var), 1)
            loss = tf.reduce_mean(FACTOR * mse + kl)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.began = 0.0
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds.append(time.perf_counter() - self.began)


def train(job: Job, pixels: np.ndarray, batch_size: int) -> Trained:
    images = pixels[..., None].astype("float32") / 255
    model = VAE(*networks(job.batch_norm, job.dropout))
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE))
    clock = Clock()
    model.fit(images, batch_size=batch_size, epochs=1 + job.repeats, verbose=0, callbacks=[clock])
    parameters = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return Trained(tuple(clock.seconds[1:]), parameters)
