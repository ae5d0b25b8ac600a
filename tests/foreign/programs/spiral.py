"""A neural ordinary differential equation: a small network as right-hand side, torchdiffeq."""

import torch
from torchdiffeq import odeint


class RightHandSide(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(2, 50), torch.nn.Tanh(), torch.nn.Linear(50, 2)
        )

    def forward(self, t, y):
        return self.net(y**3)


torch.manual_seed(0)
rhs = RightHandSide()
with torch.no_grad():
    path = odeint(rhs, torch.tensor([[2.0, 0.0]]).repeat(64, 1), torch.linspace(0, 5, 200))
