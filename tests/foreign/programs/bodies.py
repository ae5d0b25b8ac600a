"""Balls that fall into a box and come to rest on one another: package pymunk, C."""

import numpy as np
import pymunk

space = pymunk.Space()
space.gravity = (0, -900)
for one, other in (((0, 0), (200, 0)), ((0, 0), (0, 400)), ((200, 0), (200, 400))):
    wall = pymunk.Segment(space.static_body, one, other, 2)
    wall.friction, wall.elasticity = 0.6, 0.3
    space.add(wall)
balls = []
for row in range(12):
    for column in range(8):
        body = pymunk.Body(1.0, pymunk.moment_for_circle(1.0, 0, 9))
        body.position = (22 + 21 * column + 3 * (row % 2), 20 + 21 * row)
        shape = pymunk.Circle(body, 9)
        shape.friction, shape.elasticity = 0.5, 0.2
        space.add(body, shape)
        balls.append(body)
path = np.empty((60, len(balls), 3))
for frame in range(60):
    for _ in range(10):
        space.step(1 / 600)
    path[frame] = [(*ball.position, ball.angle) for ball in balls]
highest = float(path[-1, :, 1].max())
