"""Plain PyTorch as in common tutorials: float32, DataLoader over a TensorDataset, Adam."""

import time

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from peers.job import LEARNING_RATE, Job, Trained
from peers.network import VAE, parameter_count

PACKAGES = ("torch",)


def train(job: Job, pixels: np.ndarray, batch_size: int) -> Trained:
    images = torch.from_numpy(pixels).unsqueeze(1).float() / 255
    loader = DataLoader(TensorDataset(images), batch_size=batch_size, shuffle=True)
    model = VAE(job.batch_norm, job.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    model.train()
    seconds = []
    for _ in range(1 + job.repeats):
        began, total = time.perf_counter(), 0.0
        for (x,) in loader:
            optimizer.zero_grad()
            loss = model.loss(x)
            loss.backward()
            optimizer.step()
            total += loss.item()
        seconds.append(time.perf_counter() - began)
    return Trained(tuple(seconds[1:]), parameter_count(model))
