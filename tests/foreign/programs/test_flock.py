"""Birds that follow their neighbours: an agent-based model, package mesa."""

import math

import mesa
import numpy as np

WIDTH, SIGHT, SPEED = 10.0, 1.0, 0.1


def heading(here, places, headings):
    """The mean direction of all birds in sight, on a torus, the bird itself among them."""
    east = north = 0.0
    for place, angle in zip(places, headings, strict=True):
        apart = [abs(a - b) for a, b in zip(here, place, strict=True)]
        near = [min(d, WIDTH - d) for d in apart]
        if near[0] ** 2 + near[1] ** 2 < SIGHT**2:
            east += math.cos(angle)
            north += math.sin(angle)
    return math.atan2(north, east)


class Bird(mesa.Agent):
    def __init__(self, model, place, angle):
        super().__init__(model)
        self.place, self.angle = place, angle

    def look(self):
        others = self.model.birds
        places, angles = [b.place for b in others], [b.angle for b in others]
        self.next = heading(self.place, places, angles)

    def move(self):
        self.angle = self.next
        x, y = self.place
        x, y = x + SPEED * math.cos(self.angle), y + SPEED * math.sin(self.angle)
        self.place = (x % WIDTH, y % WIDTH)


class Flock(mesa.Model):
    def __init__(self, count, seed):
        super().__init__(seed=seed)
        self.birds = [
            Bird(self, tuple(self.random.uniform(0, WIDTH) for _ in "xy"),
                 self.random.uniform(-math.pi, math.pi))
            for _ in range(count)
        ]  # fmt: skip

    def step(self):
        self.agents.do("look")
        self.agents.do("move")


def test_they_come_to_fly_one_way():
    flock = Flock(60, 4)
    order = np.empty(12)
    for n in range(12):
        flock.step()
        order[n] = abs(np.mean([np.exp(1j * bird.angle) for bird in flock.birds]))
    places = np.array([bird.place for bird in flock.birds])
    angles = np.array([bird.angle for bird in flock.birds])
    assert order[-1] > order[0]
    assert places.min() >= 0
    assert abs(angles).max() <= math.pi
