"""Stochastic differential equations with diagonal noise, Euler's method: package torchsde."""

import torch
import torchsde


class Walk:
    noise_type, sde_type = "diagonal", "ito"

    def f(self, t, y):
        return torch.sin(t) - 0.5 * y

    def g(self, t, y):
        return 0.3 * torch.sigmoid(y)


times = torch.linspace(0, 1, 50)
noise = torchsde.BrownianInterval(0.0, 1.0, size=(256, 3), entropy=1)
with torch.no_grad():
    paths = torchsde.sdeint(Walk(), torch.full((256, 3), 0.1), times, bm=noise, method="euler")
